// Routines side by side: two on one timeline, and several in order.
// A comparison as the charts see it.
function gaps(comparison) {
  const { starts, ends, first, second, width } = comparison, count = starts.length;
  const points = second.map((value, i) => value - first[i]);
  const label = (i) => comparison.unit === "second" ? `${clock(starts[i], true)}\u2013${clock(ends[i], true)}`
    : comparison.unit === "clip" ? `${t("clip")} ${i + 1}` : `${fixed(100 * starts[i], 1)}\u2013${fixed(100 * ends[i], 1)} %`;
  const last = ends[count - 1], bands = comparison.unit === "share" ? [[last / 4, last / 2], [(3 * last) / 4, last]] : [];
  return {
    comparison, points, starts, ends, count, label, bands, axis: AXES[comparison.unit],
    clear: points.map((value, i) => (width ? Math.abs(value) > width[i] : null)),
    clipAt: (x) => clipAmong(starts, x), moments: [...comparison.better, ...comparison.worse].sort((a, b) => a - b),
  };
}
function gapWords(view, i) {
  const { first, second, width } = view.comparison, said = [`${signed(view.points[i])} ${t("pts")}`];
  if (width) said[0] += ` (\u00b1 ${fixed(width[i])})`;
  said.push(`${signed(first[i])} \u2192 ${signed(second[i])}`);
  if (view.clear[i] !== null) said.push(t(view.clear[i] ? "sure" : "noise"));
  return said.join(", ");
}
function gapCharts(view, names, goTo) {
  const { comparison } = view, sync = crypto.randomUUID?.() ?? String(Math.random());
  const sums = [comparison.first, comparison.second].map((points, which) => {
    let sum = comparison.baselines[which];
    return [[0, sum], ...points.map((value, i) => [view.ends[i], (sum += value)])];
  });
  const both = chart(view, sync, 190, t("running", names), around(sums.flat().map(([, y]) => y)), (u) => {
    line(u, sums[0], colour("--soft"), 2, [6, 4]);
    line(u, sums[1], colour("--ink"), 2);
  }, view.points, goTo);
  const { width } = comparison, reach = view.points.flatMap((value, i) => (width ? [value - width[i], value + width[i]] : [value]));
  const bars = chart(view, sync, 200, `${t("difference")}: ${signed(comparison.difference)}`, around([0, ...reach]), (u) => {
    for (let i = 0; i < view.count; i++) {
      bar(u, view, i, view.points[i], 0, colour(view.points[i] >= 0 ? "--gain" : "--loss"), view.clear[i] !== false);
      if (!width) continue;
      const x = (view.starts[i] + view.ends[i]) / 2;
      line(u, [[x, view.points[i] - width[i]], [x, view.points[i] + width[i]]], colour("--soft"), 0.6);
    }
    line(u, [[0, 0], [view.ends[view.count - 1], 0]], colour("--ink"), 0.8);
  }, view.points, goTo);
  const readout = h("p", { class: "readout soft" });
  for (const { plot } of [both, bars]) {
    plot.over.addEventListener("mousemove", () => {
      const i = view.clipAt(plot.posToVal(plot.cursor.left, "x"));
      readout.textContent = `${view.label(i)}: ${gapWords(view, i)}`;
    });
  }
  return { plots: [both, bars], elements: [
    h("h3", {}, t("sofar")), h("p", { class: "soft" }, t("running", names)), both.box,
    h("h3", {}, t("difference")), h("p", { class: "soft" }, t("barlegend", names)), bars.box, readout] };
}
// Where the difference lies, and 0, and what the model can tell.
function gapScale(comparison) {
  const wide = 340, [low, high] = comparison.interval, end = 1.4 * Math.max(Math.abs(low), Math.abs(high)), x = (v) => wide / 2 + (v / end) * (wide / 2 - 8);
  const svg = s("svg", { viewBox: `0 0 ${wide} 60`, role: "img" }, s("title", {}),
    s("line", { x1: 8, x2: wide - 8, y1: 24, y2: 24, stroke: "var(--soft)" }), s("line", { x1: x(0), x2: x(0), y1: 12, y2: 38, stroke: "var(--ink)", "stroke-dasharray": "3 2" }),
    s("path", { d: `M${x(low)} 20v8M${x(high)} 20v8M${x(low)} 24H${x(high)}`, stroke: "var(--gain)", "stroke-width": 3, fill: "none" }),
    s("line", { x1: x(comparison.difference), x2: x(comparison.difference), y1: 10, y2: 38, stroke: "var(--gain)", "stroke-width": 3 }));
  svg.firstChild.textContent = t("between", { low: signed(low), high: signed(high) });
  for (const [value, anchor] of [[low, "end"], [high, "start"], [0, "middle"]]) {
    const text = s("text", { x: x(value), y: value ? 54 : 8, "text-anchor": anchor, "font-size": 12, fill: "var(--soft)" });
    text.textContent = value ? signed(value, 1) : "0";
    svg.append(text);
  }
  return svg;
}
function fillComparison(section, of) {
  const names = { a: report.routines[of[0].routines[0]].name, b: report.routines[of[0].routines[1]].name };
  let comparison = of[0], view = gaps(comparison), drawn = { plots: [] }, rows = [], row = null;
  const told = comparison.starts.length > 0, body = h("div");
  const player = told && makePair(comparison, () => view);
  if (player) {
    for (const event of ["pointerdown", "focusin"]) section.addEventListener(event, () => { current = player; });
    player.onmove.push((x) => {
      drawn.plots.forEach((plot) => plot.mark(x));
      const now = rows[view.clipAt(x + player.slack)];
      if (now !== row) { row?.classList.remove("now"); now?.classList.add("now"); row = now; }
    });
    current ??= player;
  }
  const tabs = of.length > 1 && h("div", { class: "row", role: "group", "aria-label": t("score") }, of.map((each, i) =>
    button(`${each.score_name} ${signed(each.difference)}`, () => show(i), { "aria-pressed": i === 0 })));
  const list = (kind, goTo) => h("div", {}, h("h3", { class: kind === "better" ? "won" : "lost" }, `${kind === "better" ? "\u25b2" : "\u25bc"} ${t(kind, names)}`),
    comparison[kind].length ? h("ol", {}, comparison[kind].map((i) => h("li", {},
      comparison.pictures[i].filter(Boolean).map((data) => h("img", { src: `data:image/jpeg;base64,${data}`, alt: "", width: 96 })),
      h("div", {}, button(view.label(i), () => goTo(view.starts[i])), ` ${gapWords(view, i)}`))))
      : h("p", { class: "soft" }, t("nothing")));
  function show(which) {
    drawn.plots.forEach((plot) => plot.end());
    comparison = of[which];
    view = gaps(comparison);
    if (tabs) [...tabs.children].forEach((tab, i) => tab.setAttribute("aria-pressed", i === which));
    const head = h("div", { class: "top" }, h("div", {}, h("span", { class: "score" }, signed(comparison.difference)), " ",
      h("span", { class: "soft" }, `${comparison.score_name}: ${fixed(comparison.scores[0])} \u2192 ${fixed(comparison.scores[1])}`),
      comparison.interval && h("p", { class: "soft" }, t("between", { low: signed(comparison.interval[0]), high: signed(comparison.interval[1]) })),
      h("p", {}, t(comparison.interval ? (comparison.told_apart ? "told" : "untold") : "unmeasured"))), comparison.interval && gapScale(comparison));
    if (!told) { body.replaceChildren(head, h("p", { class: "soft" }, t("unexplained"))); return; }
    drawn = gapCharts(view, names, player.goTo);
    const number = (value, digits = 2) => cell(value, signed(value, digits)), columns = [names.a, names.b, t("difference")].map((label) => ({ label, down: true }));
    const phases = table(`${t("parts")}: ${t("against", names)}`, [{ label: t("parts") }, ...columns], comparison.phases.map((phase) =>
      [cell(known(phase.name)), number(phase.first), number(phase.second), number(phase.difference)]));
    const all = table(`${t("all")}: ${t("against", names)}`, [{ label: t(comparison.unit === "second" ? "time" : comparison.unit) }, ...columns, ...(comparison.width ? [{ label: t("width"), down: true }] : [])],
      view.starts.map((start, i) => [{ value: start, node: button(view.label(i), () => player.goTo(start)) },
        number(comparison.first[i], 3), number(comparison.second[i], 3), number(view.points[i], 3),
        ...(comparison.width ? [cell(comparison.width[i], `\u00b1 ${fixed(comparison.width[i])}`)] : [])]), (i) => player.goTo(view.starts[i]));
    rows = all.elements;
    const lengths = comparison.baselines[1] - comparison.baselines[0];
    body.replaceChildren(...[head, ...drawn.elements,
      h("h3", {}, t("parts")), Math.abs(lengths) >= 0.005 && h("p", { class: "soft" }, t("lengths", { n: signed(lengths) })), phases.box,
      h("div", { class: "moments" }, list("better", player.goTo), list("worse", player.goTo)),
      h("details", {}, h("summary", {}, `${t("all")} (${view.count})`), all.box)].filter(Boolean));
    requestAnimationFrame(player.moved);
  }
  section.classList.remove("waiting");
  section.append(...[tabs, player?.element, body].filter(Boolean));
  show(0);
}

// ---- several in order ----
// The running sum of a routine, small.
function spark(entry) {
  const { points } = entry.parts, wide = 120, tall = 28;
  let sum = 0;
  const sums = [0, ...points.map((value) => (sum += value))], low = Math.min(...sums), high = Math.max(...sums);
  const at = sums.map((value, i) => `${((i / points.length) * wide).toFixed(1)} ${(tall - 2 - ((value - low) / (high - low || 1)) * (tall - 4)).toFixed(1)}`);
  return s("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, "aria-hidden": "true" },
    s("path", { d: `M${at.join("L")}`, fill: "none", stroke: "var(--ink)", "stroke-width": 1.5 }));
}
function trendChart(trend) {
  const wide = 640, tall = 200, entries = trend.routines.map((index) => report.routines[index].entries.find((entry) => entry.score_name === trend.score_name));
  const known = entries.flatMap((entry) => [entry.score, ...(entry.interval || []), ...(entry.judged != null ? [entry.judged] : [])]);
  const [low, high] = around(known), last = trend.places[trend.places.length - 1], x = (place) => 44 + (place / last) * (wide - 64), y = (v) => 10 + ((high - v) / (high - low)) * (tall - 40);
  const svg = s("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", class: "trend" }, s("title", {}));
  svg.firstChild.textContent = `${t("trend")} ${trend.score_name}`;
  svg.append(s("line", { x1: x(0), x2: x(last), y1: y(trend.level), y2: y(trend.level + trend.slope * last), stroke: "var(--gain)", "stroke-width": 2, "stroke-dasharray": trend.clear ? "none" : "5 4" }));
  entries.forEach((entry, i) => {
    const at = x(trend.places[i]);
    if (entry.interval) svg.append(s("line", { x1: at, x2: at, y1: y(entry.interval[0]), y2: y(entry.interval[1]), stroke: "var(--soft)" }));
    if (entry.judged != null) svg.append(s("path", { d: `M${at} ${y(entry.judged)}l-5 -9h10z`, fill: "var(--loss)" }));
    svg.append(s("circle", { cx: at, cy: y(entry.score), r: 4, fill: "var(--ink)" }));
  });
  const label = (at, height, anchor, text) => { const node = s("text", { x: at, y: height, "text-anchor": anchor, "font-size": 12, fill: "var(--soft)" }); node.textContent = text; svg.append(node); };
  label(38, 20, "end", fixed(high, 1));
  label(38, tall - 32, "end", fixed(low, 1));
  const ends = trend.dates ? [trend.dates[0], trend.dates[trend.dates.length - 1]] : ["1", String(entries.length)];
  label(x(0), tall - 8, "start", ends[0]);
  label(x(last), tall - 8, "end", ends[1]);
  return svg;
}
function order() {
  const names = [...new Set(report.routines.flatMap((r) => r.entries.map((e) => e.score_name)))];
  const columns = [{ label: t("name"), text: true }, ...(report.dates ? [{ label: t("date") }] : []), ...names.map((name) => ({ label: name, down: true })), { label: t("sofar"), text: true }];
  const rows = report.routines.map((routine, index) => [
    { value: routine.name, node: h("a", { href: `#routine-${index}` }, routine.name) }, ...(report.dates ? [cell(report.dates[index])] : []),
    ...names.map((name) => { const entry = routine.entries.find((each) => each.score_name === name); return cell(entry?.score ?? -Infinity, entry ? fixed(entry.score) : ""); }),
    { value: index, node: spark(routine.entries[0]) }]);
  const trends = report.trends.map((trend) => [h("h3", {}, `${t("trend")}: ${trend.score_name}`), trendChart(trend),
    h("p", {}, `${t(trend.per === "year" ? "peryear" : "perroutine", { n: signed(trend.slope) })} `
      + (trend.width == null ? t("unmeasured") : `${t("between", { low: signed(trend.slope - trend.width), high: signed(trend.slope + trend.width) })}. ${t(trend.clear ? "clear" : "unclear")}`))]);
  return h("section", {}, h("h2", {}, t("order")), table(t("order"), columns, rows).box, trends.flat());
}
function pairs() {
  const found = new Map();
  for (const comparison of report.comparisons) {
    const key = comparison.routines.join(" ");
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(comparison);
  }
  return [...found.values()];
}
