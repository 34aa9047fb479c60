

# --- trees of the functions that also run natively, as `native/tree.rs` reads them ---------------------------------
# Stands behind worker.py, in one program with it.

import ast, warnings

BINARY = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.FloorDiv: "floor_divide",
    ast.Mod: "modulo", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor", ast.LShift: "left", ast.RShift: "right",
}
UNARY = {ast.USub: "negate", ast.UAdd: "plus", ast.Invert: "invert", ast.Not: "not"}
LOGIC = {ast.And: "and", ast.Or: "or"}
COMPARISONS = {
    ast.Eq: "equal", ast.NotEq: "not_equal", ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal",
}
BUILTINS = ("abs", "min", "max", "int", "float", "bool")


class Outside(Exception):
    """Something that is left to the interpreter."""


def native_tree(body, name):
    """The body as JSON where it is one plain function of the subset; None where it is anything else: the interpreter
    has what cannot be read here, for whatever reason."""
    try:
        # What is to be warned of was, when the body was compiled.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            statements = ast.parse(body).body
        if len(statements) != 1 or type(statements[0]) is not ast.FunctionDef or statements[0].name != name:
            return None
        return json.dumps(Tree(statements[0]).function(), separators=(",", ":"))
    except Exception:
        return None


def named(table, node):
    if type(node) not in table:
        raise Outside
    return table[type(node)]


def constant(value):
    if type(value) is bool:
        return {"bool": value}
    if type(value) is int and -(1 << 63) <= value < 1 << 63:
        return {"int": value}
    if type(value) is float:
        # Its bits: JSON has no infinity, and decimals are not read back to the last bit everywhere.
        return {"float": struct.unpack("<Q", struct.pack("<d", value))[0]}
    raise Outside


class Tree:
    def __init__(self, node):
        self.node, arguments = node, node.args
        others = (arguments.posonlyargs, arguments.vararg, arguments.kwonlyargs, arguments.kwarg, arguments.defaults)
        if any(others) or node.decorator_list or getattr(node, "type_params", None):
            raise Outside
        # A yield anywhere, even in an annotation that is never looked at, makes a generator.
        if any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in ast.walk(node)):
            raise Outside
        # Those of parameters are looked at when the function is made, and what they call may do anything.
        annotations = [argument.annotation for argument in arguments.args] + [node.returns]
        if any(isinstance(part, ast.Call) for it in annotations if it for part in ast.walk(it)):
            raise Outside
        # Variables are told by number, those of the parameters first.
        self.parameters = [argument.arg for argument in arguments.args]
        stored = [name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)]
        self.variables = {name: at for at, name in enumerate(dict.fromkeys(self.parameters + stored))}
        if any(name in self.variables or name == node.name for name in ("range", *BUILTINS)):
            raise Outside

    def function(self):
        return {"parameters": len(self.parameters), "variables": len(self.variables), "body": self.block(self.node.body)}

    def block(self, nodes):
        return [statement for node in nodes for statement in self.statement(node)]

    def statement(self, node):
        """The statements that it becomes: none for what does nothing."""
        kind = type(node)
        if kind is ast.Pass or (kind is ast.Expr and type(node.value) is ast.Constant):
            return []
        if kind is ast.Return:
            return [self.returned(node.value)]
        if kind is ast.Break or kind is ast.Continue:
            return [kind.__name__.lower()]
        if kind is ast.If:
            return [{"if": [self.expression(node.test), self.block(node.body), self.block(node.orelse)]}]
        if kind in (ast.While, ast.For) and not node.orelse:
            return [self.loop(node)]
        return [self.assignment(node)]

    def returned(self, value):
        if value is None or (type(value) is ast.Constant and value.value is None):
            return {"return": None}
        if type(value) is ast.IfExp:
            # Each of the two is converted by itself, and one of them may be None.
            return {"if": [self.expression(value.test), [self.returned(value.body)], [self.returned(value.orelse)]]}
        return {"return": self.expression(value)}

    def loop(self, node):
        if type(node) is ast.While:
            return {"while": [self.expression(node.test), self.block(node.body)]}
        name, bounds = self.called(node.iter)
        if name != "range" or not 1 <= len(bounds) <= 3:
            raise Outside
        start, stop = bounds[:2] if len(bounds) > 1 else ({"int": 0}, bounds[0])
        step = bounds[2] if len(bounds) > 2 else {"int": 1}
        return {"for": [self.variable(node.target), [start, stop, step], self.block(node.body)]}

    def assignment(self, node):
        kind = type(node)
        if kind is ast.AugAssign:
            name = self.variable(node.target)
            return {"assign": [[name], {"binary": [named(BINARY, node.op), {"name": name}, self.expression(node.value)]}]}
        if kind is ast.AnnAssign and node.simple and node.value is not None:
            return {"assign": [[self.variable(node.target)], self.expression(node.value)]}
        if kind is not ast.Assign:
            raise Outside
        [first, *others] = node.targets
        if type(first) is not ast.Tuple:
            return {"assign": [[self.variable(target) for target in node.targets], self.expression(node.value)]}
        if others or type(node.value) is not ast.Tuple or len(first.elts) != len(node.value.elts):
            raise Outside
        return {"unpack": [list(map(self.variable, first.elts)), list(map(self.expression, node.value.elts))]}

    def variable(self, node):
        if type(node) is not ast.Name or node.id not in self.variables:
            raise Outside
        return self.variables[node.id]

    def called(self, node):
        """The name of a built-in function and its arguments."""
        if type(node) is not ast.Call or type(node.func) is not ast.Name or node.keywords:
            raise Outside
        return node.func.id, list(map(self.expression, node.args))

    def expression(self, node):
        kind = type(node)
        if kind is ast.Constant:
            return constant(node.value)
        if kind is ast.Name:
            return {"name": self.variable(node)}
        if kind is ast.BinOp:
            return {"binary": [named(BINARY, node.op), self.expression(node.left), self.expression(node.right)]}
        if kind is ast.UnaryOp:
            return {"unary": [named(UNARY, node.op), self.expression(node.operand)]}
        if kind is ast.BoolOp:
            return {"logic": [named(LOGIC, node.op), list(map(self.expression, node.values))]}
        if kind is ast.Compare:
            operators = [named(COMPARISONS, operator) for operator in node.ops]
            rights = map(self.expression, node.comparators)
            return {"compare": [self.expression(node.left), list(map(list, zip(operators, rights)))]}
        if kind is ast.IfExp:
            return {"choice": list(map(self.expression, (node.test, node.body, node.orelse)))}
        name, arguments = self.called(node)
        if name not in BUILTINS:
            raise Outside
        return {"call": [name, arguments]}
