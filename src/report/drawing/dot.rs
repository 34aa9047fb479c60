//! The picture in Graphviz' language, for those who have it.

use std::fmt::Write;

use super::node::Node;

pub(super) fn dot(root: &Node) -> String {
    let mut text =
        String::from("digraph plan {\n  rankdir=BT;\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n");
    let mut count = 0;
    node(root, &mut count, &mut text);
    text.push_str("}\n");
    text
}

/// Writes the node and those below it; gives its number.
fn node(root: &Node, count: &mut usize, text: &mut String) -> usize {
    let number = *count;
    *count += 1;
    let lines = std::iter::once(&root.title).chain(&root.lines).chain([&root.figures]).filter(|line| !line.is_empty());
    let label: String = lines.map(|line| format!("{}\\l", quoted(line))).collect();
    // Writing to a string does not fail.
    let _ = writeln!(text, "  n{number} [label=\"{label}\", tooltip=\"{}\"];", quoted(&root.whole));
    for child in &root.children {
        let child = node(child, count, text);
        let _ = writeln!(text, "  n{child} -> n{number};");
    }
    number
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
