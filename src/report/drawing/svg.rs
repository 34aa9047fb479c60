//! The picture as SVG, without fonts, scripts or links of its own.

use std::fmt::Write;

use super::escaped;
use super::layout::{LINE, Layout, PADDING, Placed, TITLE, layout};
use super::node::{Kind, Node};

/// Fill and border of a box.
fn colors(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Scan => ("#e8f5e9", "#43a047"),
        Kind::Join => ("#fff3e0", "#fb8c00"),
        Kind::Aggregate => ("#f3e5f5", "#8e24aa"),
        Kind::Sort => ("#e3f2fd", "#1e88e5"),
        Kind::Exchange => ("#f5f5f5", "#9e9e9e"),
        Kind::Write => ("#fce4ec", "#d81b60"),
        Kind::Other => ("#ffffff", "#607d8b"),
    }
}

pub(super) fn svg(root: &Node) -> String {
    let Layout { boxes, width, height } = layout(root);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for child in &boxes {
        if let Some(parent) = child.parent.and_then(|number| boxes.get(number)) {
            edge(&mut text, parent, child);
        }
    }
    for placed in &boxes {
        operator(&mut text, placed);
    }
    text.push_str("</svg>\n");
    text
}

/// From the child's top up to the parent's bottom, as rows flow.
fn edge(text: &mut String, parent: &Placed<'_>, child: &Placed<'_>) {
    let (from, start) = (child.center(), child.top);
    let (to, end) = (parent.center(), parent.top + parent.height);
    let bend = start - 17.0;
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "<path d=\"M{from:.1} {start:.1} V{bend:.1} H{to:.1} V{:.1}\" fill=\"none\" stroke=\"#90a4ae\" stroke-width=\"1.4\"/>\
         <path d=\"M{:.1} {:.1} L{to:.1} {end:.1} L{:.1} {:.1} Z\" fill=\"#90a4ae\"/>",
        end + 5.0,
        to - 4.0,
        end + 7.0,
        to + 4.0,
        end + 7.0,
    );
}

fn operator(text: &mut String, placed: &Placed<'_>) {
    let Placed { node, left, top, width, height, .. } = placed;
    let (fill, border) = colors(node.kind);
    let _ = writeln!(
        text,
        "<g><title>{}</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"5\" \
         fill=\"{fill}\" stroke=\"{border}\"/>",
        escaped(&node.whole)
    );
    if node.share > 0.005 {
        // How much of the time of all operators is this one's.
        let long = (width - 6.0) * node.share.min(1.0);
        let at = top + height - 4.0;
        let _ = write!(
            text,
            "<rect x=\"{:.1}\" y=\"{at:.1}\" width=\"{long:.1}\" height=\"3\" fill=\"#e53935\"/>",
            left + 3.0
        );
    }
    let x = left + PADDING;
    let mut y = top + PADDING + 8.0;
    let _ = writeln!(
        text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"13\" font-weight=\"bold\" fill=\"#263238\">{}</text>",
        escaped(&node.title)
    );
    y += TITLE - LINE;
    let figures = Some(&node.figures).filter(|figures| !figures.is_empty());
    let lines = node.lines.iter().map(|line| (line, "#37474f")).chain(figures.map(|line| (line, "#b71c1c")));
    for (line, color) in lines {
        y += LINE;
        let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{color}\">{}</text>", escaped(line));
    }
    text.push_str("</g>\n");
}
