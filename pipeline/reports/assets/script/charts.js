// Charts over a timeline. What they show is a view: ``starts`` and ``ends`` of its clips, ``axis`` and
// ``bands``, and a number a clip.
const AXES = {
  second: { tick: (x, span) => clock(x, span < 20), steps: [0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800] },
  clip: { tick: (x) => x + 1, steps: [1, 2, 5, 10, 20, 50, 100, 500] },
  share: { tick: (x) => `${Math.round(100 * x)} %`, steps: [0.05, 0.1, 0.2, 0.25, 0.5] },
};
// Which of ascending starts a place lies behind.
function clipAmong(starts, x) {
  let low = 0, high = starts.length - 1;
  while (low < high) { const middle = (low + high + 1) >> 1; if (starts[middle] <= x + 1e-6) low = middle; else high = middle - 1; }
  return low;
}
const charts = new Set();
function chart(view, sync, height, label, range, draw, values, goTo) {
  const box = h("div", { class: "chart", role: "img", "aria-label": label });
  const head = h("div", { class: "head" });
  const font = "12px system-ui, sans-serif";
  const axis = { stroke: () => colour("--soft"), grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { stroke: () => colour("--line") }, font };
  const low = view.starts[0], high = view.ends[view.count - 1];
  const plot = new uPlot({
    width: 300, height, legend: { show: false }, cursor: { sync: { key: sync }, y: false, drag: { x: false, y: false } },
    scales: { x: { time: false, range: [low, high] }, y: { range } },
    axes: [
      { ...axis, size: 30, grid: { show: false }, values: (_, ticks) => ticks.map((x) => view.axis.tick(x, high - low)), incrs: view.axis.steps },
      { ...axis, size: 52, values: (_, ticks) => ticks.map(short) },
    ],
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: { drawClear: [bands], draw: [draw] },
  }, [view.starts, values], box);
  function bands(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = colour("--band");
    for (const edges of view.bands) {
      const [left, right] = edges.map((x) => u.valToPos(x, "x", true));
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.fillStyle = ctx.strokeStyle = colour("--soft");
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    for (const { name, start_s, end_s } of view.named || []) {
      const [left, right] = [start_s, end_s].map((x) => u.valToPos(x, "x", true)), top = bbox.top + 3 * devicePixelRatio;
      ctx.strokeRect(left, top, right - left, 0);
      ctx.fillText(name, left + 2 * devicePixelRatio, top + 12 * devicePixelRatio, right - left);
    }
    ctx.restore();
  }
  plot.over.addEventListener("click", () => goTo(plot.posToVal(plot.cursor.left, "x")));
  plot.over.append(head);
  const size = new ResizeObserver(() => { if (box.clientWidth) plot.setSize({ width: box.clientWidth, height }); });
  size.observe(box);
  const handle = { box, plot, redraw: () => plot.redraw(false, true),
    mark: (x) => { head.style.transform = `translateX(${plot.valToPos(x, "x")}px)`; },
    end: () => { size.disconnect(); plot.destroy(); charts.delete(handle); } };
  charts.add(handle);
  return handle;
}
function line(u, points, stroke, width, dash = []) {
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  points.forEach(([x, y], i) => ctx[i ? "lineTo" : "moveTo"](u.valToPos(x, "x", true), u.valToPos(y, "y", true)));
  Object.assign(ctx, { strokeStyle: stroke, lineWidth: width * devicePixelRatio });
  ctx.setLineDash(dash.map((part) => part * devicePixelRatio));
  ctx.stroke();
  ctx.restore();
}
function around(values, share = 0.08) {
  const low = Math.min(...values), high = Math.max(...values), room = share * (high - low) || 1;
  return [low - room, high + room];
}
function stripes(ctx, left, top, width, height, fill) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.strokeStyle = fill;
  ctx.lineWidth = devicePixelRatio;
  const step = 4 * devicePixelRatio;
  ctx.beginPath();
  for (let x = left - height - (left - height) % step; x < left + width; x += step) { ctx.moveTo(x, top + height); ctx.lineTo(x + height, top); }
  ctx.stroke();
  ctx.strokeRect(left, top, width, height);
  ctx.restore();
}
function bar(u, view, i, value, from, fill, solid) {
  const left = u.valToPos(view.starts[i], "x", true), right = u.valToPos(view.ends[i], "x", true);
  const ys = [u.valToPos(value, "y", true), u.valToPos(from, "y", true)];
  const box = [left, Math.min(...ys), Math.max(1, right - left - 1), Math.abs(ys[0] - ys[1])];
  if (solid) { u.ctx.fillStyle = fill; u.ctx.fillRect(...box); } else stripes(u.ctx, ...box, fill);
}
const steps = (view, values) => values.flatMap((value, i) => [[view.starts[i], value], [view.ends[i], value]]);
