use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use proptest::prelude::*;

use super::layout::layout;
use super::node::{Kind, Node};
use super::{Drawing, DrawingFormat, escaped};
use crate::Context;

fn node(lines: usize, children: Vec<Node>) -> Node {
    let lines = (0..lines).map(|number| "x".repeat(number * 9 % 40)).collect();
    let (title, whole, figures) = ("Join".to_string(), "a < b & c".to_string(), String::new());
    Node { kind: Kind::Join, title, lines, whole, figures, share: 0.1, children }
}

fn trees() -> impl Strategy<Value = Node> {
    let leaf = (0..6usize).prop_map(|lines| node(lines, Vec::new()));
    leaf.prop_recursive(12, 80, 3, |inner| {
        (0..6usize, prop::collection::vec(inner, 1..3)).prop_map(|(lines, children)| node(lines, children))
    })
}

proptest! {
    #[test]
    fn no_box_covers_another_and_all_are_in_the_picture(tree in trees()) {
        let picture = layout(&tree);
        for (number, a) in picture.boxes.iter().enumerate() {
            prop_assert!(a.left >= 0.0 && a.left + a.width <= picture.width + 0.01);
            prop_assert!(a.top >= 0.0 && a.top + a.height <= picture.height + 0.01);
            for b in &picture.boxes[number + 1..] {
                let apart = a.left + a.width < b.left + 0.01 || b.left + b.width < a.left + 0.01
                    || a.top + a.height < b.top + 0.01 || b.top + b.height < a.top + 0.01;
                prop_assert!(apart);
            }
        }
    }
}

async fn plan(sql: &str) -> Arc<dyn ExecutionPlan> {
    let ctx = Context::builder().threads(2).build().unwrap();
    let plan = ctx.sql(sql).await.unwrap().logical_plan().clone();
    ctx.session().state().create_physical_plan(&plan).await.unwrap()
}

#[tokio::test]
async fn drawings_name_operators_and_expressions() {
    let plan =
        plan("SELECT value % 3 AS \"<k>\", count(*) FROM generate_series(1, 10) WHERE value > 5 GROUP BY 1").await;
    let drawing = Drawing::of_plan(plan.as_ref());
    let (svg, dot) = (drawing.render(DrawingFormat::Svg), drawing.render(DrawingFormat::Dot));
    for part in ["Aggregate", "Filter", "value &gt; 5", "&lt;k&gt;"] {
        assert!(svg.contains(part), "{part}\n{svg}");
    }
    assert!(!svg.contains("<k>") && dot.contains("value > 5") && dot.matches("->").count() >= 3, "{dot}");
    assert!(drawing.render(DrawingFormat::Html).contains(&svg));
    let error = drawing.write(std::path::Path::new("plan.png")).unwrap_err();
    assert!(error.is_user() && error.hint().is_some());
}

#[test]
fn text_is_no_markup() {
    assert_eq!(escaped("a<b>&\"\u{1}"), "a&lt;b&gt;&amp;&quot; ");
}
