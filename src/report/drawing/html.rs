//! The picture as a page that zooms.

use super::node::Node;
use super::svg::svg;

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Plan</title>
<style>
html, body { margin: 0; height: 100%; overflow: hidden; background: #fff; }
#view { width: 100%; height: 100%; cursor: grab; }
#view svg { transform-origin: 0 0; }
#help { position: fixed; right: 8px; bottom: 8px; font: 12px sans-serif; color: #607d8b; }
</style></head><body><div id="view">
"#;

const TAIL: &str = r#"</div><div id="help">wheel: zoom · drag: move · double click: fit · hover: everything an operator says</div>
<script>
const view = document.getElementById("view"), picture = view.querySelector("svg");
let scale = 1, x = 0, y = 0, held = null;
const draw = () => { picture.style.transform = `translate(${x}px, ${y}px) scale(${scale})`; };
const fit = () => {
  const box = picture.viewBox.baseVal;
  scale = Math.min(view.clientWidth / box.width, view.clientHeight / box.height, 1);
  x = (view.clientWidth - box.width * scale) / 2; y = 0; draw();
};
view.addEventListener("wheel", event => {
  event.preventDefault();
  const factor = Math.exp(-event.deltaY / 400);
  x = event.clientX - (event.clientX - x) * factor; y = event.clientY - (event.clientY - y) * factor;
  scale *= factor; draw();
}, { passive: false });
view.addEventListener("pointerdown", event => { held = [event.clientX - x, event.clientY - y]; });
view.addEventListener("pointermove", event => {
  if (held) { x = event.clientX - held[0]; y = event.clientY - held[1]; draw(); }
});
addEventListener("pointerup", () => { held = null; });
view.addEventListener("dblclick", fit);
fit();
</script></body></html>
"#;

pub(super) fn html(root: &Node) -> String {
    format!("{HEAD}{}{TAIL}", svg(root))
}
