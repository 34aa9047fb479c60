"""The worker of Partita's functions in Python: reads calls from a socket, answers them, and ends with its parent.

Frame: u32 length of a JSON header, u64 length of what follows it, the header, the rest. Columns are written as
`columns.rs` says. The standard library suffices; pyarrow and NumPy are imported by functions that ask for them.
"""
import sys

if sys.path and sys.path[0] == "":
    del sys.path[0]
import array, datetime, decimal, inspect, itertools, json, linecache, os, pickle, signal, socket, struct, threading, traceback, types

LIFELINE, CHANNEL = 0, 1


def end_with_parent():
    """Standard input is a pipe that nobody writes to: it closes when the parent is gone, however it went."""
    try:
        import fcntl

        # The system ends this process by itself, even inside a call that never comes back to the interpreter.
        fcntl.fcntl(LIFELINE, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(LIFELINE, fcntl.F_SETFL, fcntl.fcntl(LIFELINE, fcntl.F_GETFL) | os.O_ASYNC)
    except (ImportError, AttributeError, OSError):
        pass

    def watch():
        try:
            os.read(LIFELINE, 1)
        except OSError:
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


class Fail(Exception):
    """A failure to be told: its message, the row, more lines."""

    def __init__(self, message, row=None, detail=""):
        super().__init__(message)
        self.row, self.detail = row, detail


# --- columns: bytes to lists of values, and back -------------------------------------------------------------------

CODES = {"i8": "b", "i16": "h", "i32": "i", "i64": "q", "u8": "B", "u16": "H", "u32": "I", "u64": "Q", "f32": "f", "f64": "d"}
WIDTHS = {kind: array.array(code).itemsize for kind, code in CODES.items()}
NUMPY = {"i8": "i1", "i16": "i2", "i32": "i4", "i64": "i8", "u8": "u1", "u16": "u2", "u32": "u4", "u64": "u8", "f32": "f4", "f64": "f8", "bool": "?"}
EPOCH = datetime.datetime(1970, 1, 1)
EPOCH_UTC = EPOCH.replace(tzinfo=datetime.timezone.utc)
DAY_ZERO = datetime.date(1970, 1, 1).toordinal()
MICRO = datetime.timedelta(microseconds=1)


def to_time(micros):
    return (datetime.datetime.min + datetime.timedelta(microseconds=micros)).time()


def from_time(time):
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1_000_000 + time.microsecond


# What numbers on the way stand for: kind -> (kind of number, number to value, type of value, value to number).
MOMENTS = {
    "date": ("i32", lambda days: datetime.date.fromordinal(DAY_ZERO + days), datetime.date, lambda date: date.toordinal() - DAY_ZERO),
    "time": ("i64", to_time, datetime.time, from_time),
    "timestamp": ("i64", lambda micros: EPOCH + datetime.timedelta(microseconds=micros), datetime.datetime, lambda value: (value.replace(tzinfo=None) - EPOCH) // MICRO),
    "timestamptz": ("i64", lambda micros: EPOCH_UTC + datetime.timedelta(microseconds=micros), datetime.datetime, lambda value: (value.astimezone(datetime.timezone.utc) - EPOCH_UTC) // MICRO),
    "duration": ("i64", lambda micros: datetime.timedelta(microseconds=micros), datetime.timedelta, lambda value: value // MICRO),
}


class Reader:
    def __init__(self, data):
        self.data, self.at = memoryview(data), 0

    def take(self, size):
        part = self.data[self.at : self.at + size]
        self.at += size
        return part

    def number(self):
        return int.from_bytes(self.take(8), "little")

    def lengths(self, rows):
        return self.take(4 * rows).cast("I").tolist()

    def validity(self, rows):
        return self.take(rows) if self.take(1)[0] else None

    def column(self, kind, rows):
        valid = self.validity(rows)
        values = self.values(kind, rows)
        if valid is None:
            return values
        return [value if there else None for value, there in zip(values, valid)]

    def values(self, kind, rows):
        name = kind["kind"]
        if name in CODES:
            return self.take(WIDTHS[name] * rows).cast(CODES[name]).tolist()
        if name == "bool":
            return list(map(bool, self.take(rows)))
        if name == "string":
            return self.strings(rows)
        if name == "binary":
            return self.slices(self.lengths(rows), bytes(self.take(self.number())))
        if name in MOMENTS:
            number, value, _, _ = MOMENTS[name]
            return list(map(value, self.values({"kind": number}, rows)))
        if name == "decimal":
            return list(map(decimal.Decimal, (text or "0" for text in self.strings(rows))))
        if name == "list":
            lengths = self.lengths(rows)
            return self.slices(lengths, self.column(kind["item"], self.number()))
        if name == "struct":
            names = [field["name"] for field in kind["fields"]]
            columns = [self.column(field["type"], rows) for field in kind["fields"]]
            return [dict(zip(names, row)) for row in zip(*columns)] if columns else [{} for _ in range(rows)]
        if name == "map":
            lengths, total = self.lengths(rows), self.number()
            pairs = list(zip(self.column(kind["key"], total), self.column(kind["value"], total)))
            return list(map(dict, self.slices(lengths, pairs)))
        return [None] * rows

    def strings(self, rows):
        if self.take(1)[0]:
            return str(self.take(self.number()), "utf-8").split("\0") if rows else []
        return [str(part, "utf-8") for part in self.slices(self.lengths(rows), bytes(self.take(self.number())))]

    @staticmethod
    def slices(lengths, values):
        ends = list(itertools.accumulate(lengths))
        return [values[end - length : end] for length, end in zip(lengths, ends)]

    def numpy(self, kind, rows):
        import numpy

        name = kind["kind"]
        if name not in NUMPY:
            values = self.column(kind, rows)
            result = numpy.empty(rows, dtype=object)
            result[:] = values
            return result
        valid = self.validity(rows)
        values = numpy.frombuffer(self.take(numpy.dtype(NUMPY[name]).itemsize * rows), dtype=NUMPY[name])
        return values if valid is None else numpy.ma.array(values, mask=numpy.frombuffer(valid, dtype="?") == False)


class Wrong(Exception):
    """A value that is not of its declared type, by its place in the column."""

    def __init__(self, row, message):
        super().__init__(message)
        self.row = row


def wrong(row, value, kind):
    text = repr(value)
    text = text if len(text) <= 100 else text[:100] + "…"
    return Wrong(row, f"gave {text} ({type(value).__name__}) where {kind['sql']} is declared")


def is_bool(value):
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")


def write(kind, values, out):
    """Appends the bytes of a column to `out`."""
    if None in values if kind["kind"] not in ("list", "struct", "map") else any(value is None for value in values):
        valid = bytes(value is not None for value in values)
        out += (b"\1", valid)
    else:
        valid = None
        out.append(b"\0")
    WRITERS.get(kind["kind"], write_moments)(kind, values, valid, out)


def check(kind, values, types, refuse=()):
    for row, value in enumerate(values):
        if value is not None and (not isinstance(value, types) or (refuse and isinstance(value, refuse))):
            raise wrong(row, value, kind)


def write_numbers(kind, values, valid, out):
    code = CODES[kind["kind"]]
    if valid is not None:
        values = [0 if value is None else value for value in values]
    try:
        out.append(array.array(code, values))
    except (TypeError, OverflowError):
        for row, value in enumerate(values):
            try:
                array.array(code, (value,))
            except (TypeError, OverflowError):
                raise wrong(row, value, kind) from None
        raise


def write_bools(kind, values, valid, out):
    for row, value in enumerate(values):
        if value is not None and not is_bool(value):
            raise wrong(row, value, kind)
    out.append(bytes(map(bool, values)))


def write_strings(kind, values, valid, out):
    if valid is not None:
        values = ["" if value is None else value for value in values]
    try:
        text = "".join(values)
    except TypeError:
        check(kind, values, str)
        raise
    try:
        parts = values if text.isascii() else [value.encode("utf-8") for value in values]
    except UnicodeEncodeError as error:
        raise Wrong(0, f"gave text that is no Unicode: {error}") from None
    blob = text.encode("utf-8")
    out += (array.array("I", map(len, parts)), struct.pack("<Q", len(blob)), blob)


def write_binary(kind, values, valid, out):
    check(kind, values, (bytes, bytearray, memoryview))
    parts = [b"" if value is None else bytes(value) for value in values]
    blob = b"".join(parts)
    out += (array.array("I", map(len, parts)), struct.pack("<Q", len(blob)), blob)


def write_decimals(kind, values, valid, out):
    texts = []
    for row, value in enumerate(values):
        if value is None:
            texts.append("0")
        elif isinstance(value, (decimal.Decimal, int)) and not isinstance(value, bool) and decimal.Decimal(value).is_finite():
            texts.append(format(decimal.Decimal(value), "f"))
        else:
            raise wrong(row, value, kind)
    write_strings(kind, texts, None, out)


def write_lists(kind, values, valid, out):
    rows = []
    for row, value in enumerate(values):
        if value is None:
            rows.append(())
        elif isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
            raise wrong(row, value, kind)
        else:
            rows.append(value.tolist() if hasattr(value, "tolist") else list(value))
    items = list(itertools.chain.from_iterable(rows))
    out += (array.array("I", map(len, rows)), struct.pack("<Q", len(items)))
    nested(kind["item"], items, out, rows)


def write_structs(kind, values, valid, out):
    names = [field["name"] for field in kind["fields"]]
    rows = []
    for row, value in enumerate(values):
        if value is None:
            rows.append((None,) * len(names))
        elif isinstance(value, dict):
            unknown = [key for key in value if key not in names]
            if unknown:
                raise Wrong(row, f"gave a field {unknown[0]!r} which {kind['sql']} has not")
            rows.append(tuple(value.get(name) for name in names))
        elif isinstance(value, (tuple, list)) and len(value) == len(names):
            rows.append(tuple(value))
        elif hasattr(value, "__dict__"):
            rows.append(tuple(getattr(value, name, None) for name in names))
        else:
            raise wrong(row, value, kind)
    for at, field in enumerate(kind["fields"]):
        write(field["type"], [row[at] for row in rows], out)


def write_maps(kind, values, valid, out):
    rows = []
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, dict):
            raise wrong(row, value, kind)
        rows.append(value or {})
    total = sum(map(len, rows))
    out += (array.array("I", map(len, rows)), struct.pack("<Q", total))
    nested(kind["key"], [key for row in rows for key in row], out, rows)
    nested(kind["value"], [value for row in rows for value in row.values()], out, rows)


def nested(kind, items, out, rows):
    """Elements of lists: a wrong one is a failure of the row that its list is of."""
    try:
        write(kind, items, out)
    except Wrong as error:
        ends = itertools.accumulate(map(len, rows))
        row = next(row for row, end in enumerate(ends) if error.row < end)
        raise Wrong(row, str(error)) from None


def write_moments(kind, values, valid, out):
    name = kind["kind"]
    if name == "null":
        return
    number, _, wanted, from_value = MOMENTS[name]
    numbers = []
    for row, value in enumerate(values):
        if value is None:
            numbers.append(0)
        elif not isinstance(value, wanted):
            raise wrong(row, value, kind)
        else:
            if name == "date" and isinstance(value, datetime.datetime):
                value = value.date()
            numbers.append(from_value(value))
    write_numbers({**kind, "kind": number}, numbers, None, out)


WRITERS = {
    **{name: write_numbers for name in CODES},
    "bool": write_bools, "string": write_strings, "binary": write_binary, "decimal": write_decimals,
    "list": write_lists, "struct": write_structs, "map": write_maps,
}


def write_lenient(kind, values, lenient):
    """The bytes of a column and how many values became NULL because they were of another type."""
    failures = 0
    while True:
        out = []
        try:
            write(kind, values, out)
            return out, failures
        except Wrong as error:
            if not lenient:
                raise Fail(str(error), error.row) from None
            values[error.row] = None
            failures += 1


# --- functions -----------------------------------------------------------------------------------------------------


def lines_of_body(error, file):
    """The traceback from the body on, without the worker's own frames."""
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_filename != file:
        step = step.tb_next
    kept = traceback.format_exception(type(error), error, step)
    return "".join(kept if step is not None else kept[-1:])


def told(error):
    return "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]


# The state of a group that a row has failed in, where failures become NULL; it travels as no bytes, which no pickle has.
FAILED = object()


class Function:
    def __init__(self, header):
        self.name, self.parameters, self.returns = header["name"], header["parameters"], header["returns"]
        self.columns = header["language"] == "python_columns"
        self.file = f"<function {self.name}>"
        self.run_body(header["body"], "partita_" + header["id"])
        self.aggregate = inspect.isclass(self.call)
        if self.aggregate:
            missing = [method for method in ("update", "merge", "finish") if not hasattr(self.call, method)]
            if missing:
                raise Fail(f"class {self.name} has no method '{missing[0]}'")
        self.check_arity(self.call.update if self.aggregate else self.call, int(self.aggregate))
        self.modes = self.find_modes()
        self.native = None if self.columns or self.aggregate else native_tree(self.body, self.name)

    def run_body(self, body, module):
        # Indented as it stands in the SQL: the first line that says something tells by how much.
        lines = body.splitlines()
        # Lines are counted from the first behind `AS $$`.
        lines = lines[1:] if lines and not lines[0].strip() else lines
        margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        body = "\n".join(line[margin:] if not line[:margin].strip() else line for line in lines) + "\n"
        self.body = body
        linecache.cache[self.file] = (len(body), None, body.splitlines(True), self.file)
        space = types.ModuleType(module)
        sys.modules[module] = space
        try:
            exec(compile(body, self.file, "exec"), space.__dict__)
        except SyntaxError as error:
            raise Fail(f"SyntaxError: {error.msg} in line {error.lineno}", detail="".join(traceback.format_exception_only(type(error), error))) from None
        except BaseException as error:
            raise Fail(told(error), detail=lines_of_body(error, self.file)) from None
        self.call = getattr(space, self.name, None)
        if not callable(self.call):
            raise Fail(f"the body defines no function '{self.name}'")

    def check_arity(self, call, receiver):
        try:
            signature = inspect.signature(call)
        except (TypeError, ValueError):
            return
        try:
            signature.bind(*range(len(self.parameters) + receiver))
        except TypeError as error:
            count = len(self.parameters)
            raise Fail(f"it is declared with {count} argument{'s' * (count != 1)}, and def {self.name}{signature} takes others: {error}") from None

    def find_modes(self):
        """How each parameter wants its column: annotated as a NumPy array, as one; as an Arrow array otherwise."""
        if not self.columns or self.aggregate:
            return []
        try:
            names = list(inspect.signature(self.call).parameters.values())
        except (TypeError, ValueError):
            names = []
        modes = []
        for at in range(len(self.parameters)):
            wanted = names[at].annotation if at < len(names) else None
            text = wanted if isinstance(wanted, str) else f"{getattr(wanted, '__module__', '')}.{getattr(wanted, '__name__', '')}"
            modes.append("numpy" if "ndarray" in text or "NDArray" in text else "arrow")
        if "arrow" in modes or not modes:
            try:
                import pyarrow
            except ImportError:
                raise Fail("PYTHON_COLUMNS needs pyarrow in this Python; parameters annotated as numpy.ndarray do with NumPy") from None
        return modes

    def rows(self, reader, rows, lenient):
        columns = [reader.column(kind, rows) for kind in self.parameters]
        calls = map(self.call, *columns) if columns else map(lambda _: self.call(), range(rows))
        results, failures = [], 0
        while True:
            try:
                results.extend(calls)
                break
            except MemoryError:
                raise
            except Exception as error:
                if not lenient:
                    raise Fail(told(error), len(results), lines_of_body(error, self.file)) from None
                results.append(None)
                failures += 1
        out, wrong = write_lenient(self.returns, results, lenient)
        return out, failures + wrong

    def whole(self, call, arguments, rows):
        try:
            result = call(*arguments)
        except Exception as error:
            raise Fail(told(error), detail=lines_of_body(error, self.file)) from None
        if result is None or isinstance(result, (bool, int, float, str, bytes)):
            result = [result] * rows
        if len(result) != rows:
            raise Fail(f"gave {len(result)} values for {rows} rows")
        return result

    def numpy_columns(self, reader, rows):
        import numpy

        result = self.whole(self.call, [reader.numpy(kind, rows) for kind in self.parameters], rows)
        name = self.returns["kind"]
        if name not in NUMPY or isinstance(result, list):
            out, _ = write_lenient(self.returns, result.tolist() if hasattr(result, "tolist") else list(result), False)
            return out
        mask = numpy.ma.getmaskarray(result) if isinstance(result, numpy.ma.MaskedArray) else None
        values = numpy.asarray(result)
        if values.dtype == object:
            return write_lenient(self.returns, values.tolist(), False)[0]
        if not numpy.can_cast(values.dtype, NUMPY[name], casting="same_kind"):
            raise Fail(f"gave an array of {values.dtype} where {self.returns['sql']} is declared")
        out = [b"\0"] if mask is None or not mask.any() else [b"\1", (~mask).tobytes()]
        out.append(numpy.ascontiguousarray(values, dtype=NUMPY[name]).tobytes())
        return out

    def arrow_columns(self, data, rows):
        import pyarrow

        with pyarrow.ipc.open_stream(data) as stream:
            wanted = stream.schema.field(len(self.parameters)).type
            batch = stream.read_next_batch()
        arguments = [
            batch.column(at).to_numpy(zero_copy_only=False) if mode == "numpy" else batch.column(at)
            for at, mode in enumerate(self.modes)
        ]
        result = self.whole(self.call, arguments, rows)
        try:
            if isinstance(result, pyarrow.ChunkedArray):
                result = result.combine_chunks()
            if not isinstance(result, pyarrow.Array):
                result = pyarrow.array(result, type=wanted)
            result = result.cast(wanted)
        except (pyarrow.ArrowException, TypeError, ValueError) as error:
            kind = getattr(result, "type", type(result).__name__)
            raise Fail(f"gave {kind} where {self.returns['sql']} is declared: {error}") from None
        sink = pyarrow.BufferOutputStream()
        batch = pyarrow.record_batch([result], names=["result"])
        with pyarrow.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        return [sink.getvalue()]

    def states(self, reader, groups, lenient):
        """The states of the groups, and how many could not be made."""
        states, failures = [], 0
        for packed in reader.column({"kind": "binary"}, groups):
            done, state = self.attempt(lambda: self.call() if packed is None else self.unpacked(packed), lenient)
            states.append(state if done else FAILED)
            failures += not done
        return states, failures

    def unpacked(self, state):
        return FAILED if state == b"" else pickle.loads(state)

    def update(self, reader, rows, groups, lenient):
        states, failures = self.states(reader, groups, lenient)
        places = reader.lengths(rows)
        columns = [reader.column(kind, rows) for kind in self.parameters]
        for row, (place, arguments) in enumerate(zip(places, zip(*columns) if columns else itertools.repeat(()))):
            if states[place] is FAILED:
                continue
            try:
                states[place].update(*arguments)
            except Exception as error:
                if not lenient or isinstance(error, MemoryError):
                    raise Fail(told(error), row, lines_of_body(error, self.file)) from None
                states[place] = FAILED
                failures += 1
        out, unpacked = self.packed(states, lenient)
        return out, failures + unpacked

    def merge(self, reader, rows, groups, lenient):
        states, failures = self.states(reader, groups, lenient)
        places = reader.lengths(rows)
        for place, other in zip(places, reader.column({"kind": "binary"}, rows)):
            if other is None or states[place] is FAILED:
                continue
            if other == b"":
                states[place] = FAILED
                continue
            if not self.attempt(lambda: states[place].merge(pickle.loads(other)), lenient)[0]:
                states[place] = FAILED
                failures += 1
        out, unpacked = self.packed(states, lenient)
        return out, failures + unpacked

    def packed(self, states, lenient):
        """The states on their way, and how many cannot go it."""
        out, packed, failures = [], [], 0
        for state in states:
            dump = lambda: b"" if state is FAILED else pickle.dumps(state, pickle.HIGHEST_PROTOCOL)
            done, bytes_of = self.attempt(dump, lenient)
            packed.append(bytes_of if done else b"")
            failures += not done
        write({"kind": "binary", "sql": "bytea"}, packed, out)
        return out, failures

    def finish(self, reader, groups, lenient):
        results = []
        states, failures = self.states(reader, groups, lenient)
        for state in states:
            done, result = (True, None) if state is FAILED else self.attempt(state.finish, lenient)
            results.append(result)
            failures += not done
        out, wrong = write_lenient(self.returns, results, lenient)
        return out, failures + wrong

    def attempt(self, step, lenient):
        """Whether the step of one group went well, and what it gave; a failure is raised unless it makes a NULL."""
        try:
            return True, step()
        except Exception as error:
            if not lenient or isinstance(error, MemoryError):
                raise Fail(told(error), None, lines_of_body(error, self.file)) from None
            return False, None


# --- the conversation ----------------------------------------------------------------------------------------------


def data_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))


class Limit:
    """The most private memory that functions may take beyond what the interpreter began with."""

    def __init__(self):
        self.bytes = None
        try:
            self.base = data_bytes()
        except (OSError, StopIteration):
            self.base = None

    def set(self, wanted):
        if wanted == self.bytes or self.base is None:
            return
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        try:
            resource.setrlimit(resource.RLIMIT_DATA, (self.base + wanted if wanted else hard, hard))
            self.bytes = wanted
        except (ValueError, OSError):
            pass


def receive(channel, size):
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        got = channel.recv_into(view[at:])
        if got == 0:
            os._exit(0)
        at += got
    return data


def answer(functions, header, data):
    """The header and the rest of the answer."""
    operation = header["operation"]
    if operation == "load":
        function = functions[header["id"]] = Function(header)
        return {"aggregate": function.aggregate, "modes": function.modes, "native": function.native}, []
    if operation == "forget":
        functions.pop(header["id"], None)
        sys.modules.pop("partita_" + header["id"], None)
        return {}, []
    function, rows = functions[header["id"]], header["rows"]
    if operation == "rows":
        out, failures = function.rows(Reader(data), rows, header["lenient"])
        return {"failures": failures}, out
    if operation == "numpy":
        return {}, function.numpy_columns(Reader(data), rows)
    if operation == "arrow":
        return {}, function.arrow_columns(memoryview(data), rows)
    if operation == "finish":
        out, failures = function.finish(Reader(data), rows, header["lenient"])
        return {"failures": failures}, out
    step = function.update if operation == "update" else function.merge
    out, failures = step(Reader(data), rows, header["groups"], header["lenient"])
    return {"failures": failures}, out


def main():
    channel = socket.socket(fileno=os.dup(CHANNEL))
    # What functions print goes to standard error.
    os.dup2(2, CHANNEL)
    sys.stdout = sys.stderr
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    limit, functions = Limit(), {}
    while True:
        sizes = receive(channel, 12)
        header_size, data_size = struct.unpack("<IQ", sizes)
        header = json.loads(receive(channel, header_size))
        out = []
        try:
            limit.set(header.get("memory"))
            data = receive(channel, data_size)
            reply, out = answer(functions, header, data)
        except Fail as error:
            reply = {"error": str(error), "row": error.row, "detail": error.detail}
        except MemoryError:
            reply = {"error": "MemoryError", "row": None, "detail": "", "memory": True}
        except SystemExit as error:
            reply = {"error": f"SystemExit: {error}", "row": None, "detail": ""}
        except BaseException as error:
            reply = {"error": told(error), "row": None, "detail": "".join(traceback.format_exception(type(error), error, error.__traceback__))}
        reply_bytes = json.dumps(reply).encode()
        rest = b"".join(out)
        channel.sendall(struct.pack("<IQ", len(reply_bytes), len(rest)) + reply_bytes)
        channel.sendall(rest)
