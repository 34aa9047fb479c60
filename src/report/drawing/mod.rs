//! Physical plans as pictures.
//!
//! ```text
//! ExecutionPlan ─ node ─► boxes of text ─ layout ─► places ─┬─ svg ─► .svg ─ html ─► .html, with zoom
//!                              └──────────────────── dot ─► .dot
//! ```
//!
//! A physical plan is a tree, so that a tidy layout of trees draws it, without a crate for graphs: children side by side
//! as near as their own children allow, parents above the middle of theirs. Rows flow from below.

mod dot;
mod html;
mod layout;
mod node;
mod svg;

use std::path::Path;

use datafusion::physical_plan::ExecutionPlan;

use self::node::Node;
pub(super) use self::node::one_line;
use crate::error::{Error, Result};

/// What a drawing is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DrawingFormat {
    Svg,
    Dot,
    Html,
}

impl DrawingFormat {
    /// The format of that name or extension.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "svg" => Some(Self::Svg),
            "dot" | "gv" => Some(Self::Dot),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }
}

/// A plan to be drawn.
#[derive(Debug)]
pub(crate) struct Drawing {
    root: Node,
}

impl Drawing {
    /// Of a plan that has not run.
    pub(crate) fn of_plan(plan: &dyn ExecutionPlan) -> Self {
        Self { root: Node::new(plan, false) }
    }

    /// Of a plan that runs or has run, with what its operators did.
    pub(crate) fn of_run(plan: &dyn ExecutionPlan) -> Self {
        Self { root: Node::new(plan, true) }
    }

    /// The drawing as text.
    pub(crate) fn render(&self, format: DrawingFormat) -> String {
        match format {
            DrawingFormat::Svg => svg::svg(&self.root),
            DrawingFormat::Dot => dot::dot(&self.root),
            DrawingFormat::Html => html::html(&self.root),
        }
    }

    /// Writes a file by its extension.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let format = DrawingFormat::named(&extension).ok_or_else(|| {
            Error::user(format!("cannot draw a plan as '{}'", path.display()))
                .with_hint("extensions are .svg, .dot and .html")
        })?;
        let written = std::fs::write(path, self.render(format));
        written.map_err(|error| Error::io(format!("cannot write '{}'", path.display()), error))
    }
}

/// Text between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Not allowed in XML, not even by number.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
