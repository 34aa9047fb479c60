//! Where the boxes stand.

use super::node::Node;

/// Sizes in pixels.
pub(super) const CHARACTER: f64 = 6.7;
pub(super) const LINE: f64 = 15.0;
pub(super) const TITLE: f64 = 18.0;
pub(super) const PADDING: f64 = 9.0;
const BETWEEN_SIBLINGS: f64 = 22.0;
const BETWEEN_LEVELS: f64 = 34.0;
pub(super) const MARGIN: f64 = 16.0;

/// A box at its place.
pub(super) struct Placed<'a> {
    pub(super) node: &'a Node,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// The number of the parent's box.
    pub(super) parent: Option<usize>,
}

impl Placed<'_> {
    pub(super) fn center(&self) -> f64 {
        self.left + self.width / 2.0
    }
}

/// A picture: its boxes, parents first, and its size.
pub(super) struct Layout<'a> {
    pub(super) boxes: Vec<Placed<'a>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A tree whose root stands at 0, its outline, level by level, and its children's places.
struct Tree<'a> {
    node: &'a Node,
    children: Vec<(f64, Tree<'a>)>,
    /// The least left edge and the greatest right edge of each level.
    outline: Vec<(f64, f64)>,
}

pub(super) fn layout(root: &Node) -> Layout<'_> {
    let tree = tree(root);
    let mut heights = Vec::new();
    level_heights(root, 0, &mut heights);
    let tops: Vec<f64> = heights
        .iter()
        .scan(MARGIN, |top, height| Some(std::mem::replace(top, *top + height + BETWEEN_LEVELS)))
        .collect();
    let least = tree.outline.iter().map(|(left, _)| *left).fold(0.0, f64::min);
    let most = tree.outline.iter().map(|(_, right)| *right).fold(0.0, f64::max);
    let mut boxes = Vec::new();
    place(&tree, MARGIN - least, 0, None, &tops, &mut boxes);
    let height = tops.last().copied().unwrap_or(0.0) + heights.last().copied().unwrap_or(0.0) + MARGIN;
    Layout { boxes, width: most - least + 2.0 * MARGIN, height }
}

fn size(node: &Node) -> (f64, f64) {
    let longest = node.lines.iter().chain([&node.figures]).map(|line| line.chars().count()).max().unwrap_or(0);
    // The title is larger.
    let longest = (longest as f64).max(node.title.chars().count() as f64 * 1.25);
    let lines = node.lines.len() + usize::from(!node.figures.is_empty());
    (longest * CHARACTER + 2.0 * PADDING, TITLE + lines as f64 * LINE + 2.0 * PADDING - 4.0)
}

fn tree(node: &Node) -> Tree<'_> {
    let half = size(node).0 / 2.0;
    let mut children: Vec<(f64, Tree<'_>)> = Vec::new();
    let mut below: Vec<(f64, f64)> = Vec::new();
    for child in node.children.iter().map(tree) {
        // As near to its siblings as no level of the two overlaps.
        let gaps = below.iter().zip(&child.outline).map(|((_, right), (left, _))| right - left + BETWEEN_SIBLINGS);
        let at = gaps.fold(f64::NEG_INFINITY, f64::max);
        let at = if at.is_finite() { at } else { 0.0 };
        for (level, (left, right)) in child.outline.iter().enumerate() {
            match below.get_mut(level) {
                Some(edges) => edges.1 = at + right,
                None => below.push((at + left, at + right)),
            }
        }
        children.push((at, child));
    }
    let middle = match (children.first(), children.last()) {
        (Some((first, _)), Some((last, _))) => (first + last) / 2.0,
        _ => 0.0,
    };
    children.iter_mut().for_each(|(at, _)| *at -= middle);
    let outline = std::iter::once((-half, half)).chain(below.into_iter().map(|(l, r)| (l - middle, r - middle)));
    Tree { node, children, outline: outline.collect() }
}

fn level_heights(node: &Node, level: usize, heights: &mut Vec<f64>) {
    if heights.len() == level {
        heights.push(0.0);
    }
    heights[level] = f64::max(heights[level], size(node).1);
    node.children.iter().for_each(|child| level_heights(child, level + 1, heights));
}

fn place<'a>(
    tree: &Tree<'a>,
    center: f64,
    level: usize,
    parent: Option<usize>,
    tops: &[f64],
    boxes: &mut Vec<Placed<'a>>,
) {
    let (width, height) = size(tree.node);
    let number = boxes.len();
    boxes.push(Placed { node: tree.node, left: center - width / 2.0, top: tops[level], width, height, parent });
    for (at, child) in &tree.children {
        place(child, center + at, level + 1, Some(number), tops, boxes);
    }
}
