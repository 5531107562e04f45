function timeline(view, goTo) {
  const { entry, parts } = view, sync = crypto.randomUUID?.() ?? String(Math.random()), found = [];
  const from = entry.baseline, title = (key, chart) => [h("h3", {}, t(key)), chart.box];
  let first;
  if (from != null) {
    let sum = from;
    const sums = [[view.starts[0], from], ...parts.points.map((points, i) => [view.ends[i], (sum += points)])];
    const range = around(sums.map(([, y]) => y));
    first = chart(view, sync, 190, `${t("sofar")}: ${fixed(from)} \u2192 ${fixed(entry.score)}`, range, (u) => {
      const ends = [view.starts[0], view.ends[view.count - 1]];
      line(u, ends.map((x) => [x, from]), colour("--soft"), 1, [2, 3]);
      line(u, ends.map((x) => [x, entry.score]), colour("--gain"), 1.5, [6, 4]);
      line(u, sums, colour("--ink"), 2);
    }, parts.points, goTo);
    found.push([...title("sofar", first)], first);
  } else {
    const scores = entry.clips.score;
    if (entry.aligned) {
      first = chart(view, sync, 190, t("clipscore"), around([...scores, entry.score]), (u) => {
        line(u, [[view.starts[0], entry.score], [view.ends[view.count - 1], entry.score]], colour("--gain"), 1.5, [6, 4]);
        line(u, steps(view, scores), colour("--ink"), 2);
      }, scores, goTo);
      found.push([...title("clipscore", first)], first);
    }
  }
  const typical = parts.points.map((points, i) => points - parts.margin[i]);
  const reach = parts.points.flatMap((points, i) => (parts.width ? [points - parts.width[i], points + parts.width[i]] : [points]));
  const second = chart(view, sync, 220, `${t("points")}: ${t("sums", { n: signed(parts.points.reduce((a, b) => a + b, 0)) })}`, around([0, ...reach]), (u) => {
    const gain = colour("--gain"), loss = colour("--loss"), ink = colour("--ink");
    for (let i = 0; i < view.count; i++) {
      bar(u, view, i, parts.points[i], 0, parts.margin[i] >= 0 ? gain : loss, view.clear[i] !== false);
      if (parts.width) {
        const x = (view.starts[i] + view.ends[i]) / 2;
        line(u, [[x, parts.points[i] - parts.width[i]], [x, parts.points[i] + parts.width[i]]], colour("--soft"), 0.6);
      }
    }
    line(u, [[view.starts[0], 0], [view.ends[view.count - 1], 0]], ink, 0.8);
    if (typical.some((value) => Math.abs(value) > 1e-9)) line(u, steps(view, typical), ink, 1.4);
  }, parts.points, goTo);
  found.push([...title("points", second), h("p", { class: "soft" }, t("legend"))], second);
  if (entry.aligned) {
    const weights = entry.clips.weight;
    const third = chart(view, sync, 100, t("weights"), [0, 1.1 * Math.max(...weights)], (u) => {
      for (let i = 0; i < weights.length; i++) bar(u, view, i, weights[i], 0, colour("--soft"), true);
    }, weights, goTo);
    found.push([...title("weights", third)], third);
  }
  const readout = h("p", { class: "readout soft" });
  const plots = found.filter((each) => !Array.isArray(each));
  for (const { plot } of plots) {
    plot.over.addEventListener("mousemove", () => {
      const i = view.clipAt(plot.posToVal(plot.cursor.left, "x"));
      readout.textContent = `${view.label(i)}: ${words(view, i)}`;
    });
  }
  return { elements: [...found.filter(Array.isArray).flat(), readout], plots };
}
