//! An operator as a box of text.

use std::fmt;

use datafusion::datasource::physical_plan::FileGroup;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};

use crate::report::profile::OperatorFigures;
use crate::source::file_scan;

/// How many characters a line has at most; longer ones are cut, the whole is in the tooltip.
const LINE: usize = 46;
/// How many lines there are at most between an operator's name and its figures.
const LINES: usize = 5;

/// What an operator does, for its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scan,
    Join,
    Aggregate,
    Sort,
    Exchange,
    Write,
    Other,
}

/// One operator of the picture.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The operator's name.
    pub(super) title: String,
    /// Its main expressions.
    pub(super) lines: Vec<String>,
    /// Everything it says of itself.
    pub(super) whole: String,
    /// What it did, in a line; empty before a run.
    pub(super) figures: String,
    /// Its share of the time of all operators, from 0 to 1.
    pub(super) share: f64,
    pub(super) children: Vec<Node>,
}

impl Node {
    pub(super) fn new(plan: &dyn ExecutionPlan, with_figures: bool) -> Self {
        let mut node = Self::of(plan, with_figures);
        if with_figures {
            let total = seconds(plan);
            node.set_share(plan, total.max(f64::EPSILON));
        }
        node
    }

    fn of(plan: &dyn ExecutionPlan, with_figures: bool) -> Self {
        let plan = shown(plan);
        let title = title(plan);
        let figures = if with_figures { OperatorFigures::of(plan).to_string() } else { String::new() };
        let whole = one_line(plan, DisplayFormatType::Default);
        let children = plan.children().into_iter().map(|child| Self::of(child.as_ref(), with_figures)).collect();
        Self { kind: kind(&title), title, lines: lines(plan), whole, figures, share: 0.0, children }
    }

    fn set_share(&mut self, plan: &dyn ExecutionPlan, total: f64) {
        let plan = shown(plan);
        self.share = own_seconds(plan) / total;
        for (node, child) in self.children.iter_mut().zip(plan.children()) {
            node.set_share(child.as_ref(), total);
        }
    }
}

fn own_seconds(plan: &dyn ExecutionPlan) -> f64 {
    OperatorFigures::of(plan).elapsed.unwrap_or_default().as_secs_f64()
}

fn seconds(plan: &dyn ExecutionPlan) -> f64 {
    own_seconds(plan) + plan.children().into_iter().map(|child| seconds(child.as_ref())).sum::<f64>()
}

/// The operator, or the first below it that does something to rows.
fn shown(plan: &dyn ExecutionPlan) -> &dyn ExecutionPlan {
    match plan.children()[..] {
        [child] if plan.is::<CooperativeExec>() => shown(child.as_ref()),
        _ => plan,
    }
}

/// The operator's name without the engine's ending; of a scan with that of its first file.
fn title(plan: &dyn ExecutionPlan) -> String {
    match file(plan) {
        Some(file) => format!("Scan {}", cut(&file)),
        None => plan.name().replacen("Exec", "", 1).replace("DataSource", "Scan"),
    }
}

fn file(plan: &dyn ExecutionPlan) -> Option<String> {
    let file = file_scan(plan)?.file_groups.iter().flat_map(FileGroup::iter).next()?;
    Some(file.path().filename()?.to_string())
}

fn kind(title: &str) -> Kind {
    let is = |words: &[&str]| words.iter().any(|word| title.contains(word));
    match () {
        () if is(&["Join"]) => Kind::Join,
        () if is(&["Aggregate", "Distinct"]) => Kind::Aggregate,
        () if is(&["Sort", "TopRows", "Window"]) => Kind::Sort,
        () if is(&["Repartition", "Exchange", "Coalesce", "Interleave", "Partition"]) => Kind::Exchange,
        () if is(&["Sink", "Commit", "Write"]) => Kind::Write,
        () if is(&["Scan", "Memory", "Placeholder", "Empty", "Values", "WorkTable"]) => Kind::Scan,
        () => Kind::Other,
    }
}

/// The operator's own few lines for trees, without places of columns, and with its partitions where they change.
fn lines(plan: &dyn ExecutionPlan) -> Vec<String> {
    let text = Shown(plan, DisplayFormatType::TreeRender).to_string();
    let mut lines: Vec<String> =
        text.lines().map(|line| cut(&without_places(line.trim()))).filter(|line| !line.is_empty()).collect();
    if lines.len() > LINES {
        let more = lines.len() - LINES + 1;
        lines.truncate(LINES - 1);
        lines.push(format!("… {more} more"));
    }
    lines
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LINE - 1) {
        Some((end, _)) if line.chars().count() > LINE => format!("{}…", &line[..end]),
        _ => line.to_string(),
    }
}

/// `l_orderkey@3` is `l_orderkey`: where a column stands tells a person nothing.
fn without_places(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '@' && chars.peek().is_some_and(char::is_ascii_digit) {
            while chars.next_if(char::is_ascii_digit).is_some() {}
        } else {
            shown.push(c);
        }
    }
    shown
}

struct Shown<'a>(&'a dyn ExecutionPlan, DisplayFormatType);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as(self.1, f)
    }
}

/// What the operator says of itself, in one line.
pub(in crate::report) fn one_line(plan: &dyn ExecutionPlan, format: DisplayFormatType) -> String {
    Shown(plan, format).to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
