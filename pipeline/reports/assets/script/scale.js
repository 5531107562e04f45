// The score among those of the training, and how many percent of these it beats.
function scale(entry) {
  const [low, high] = entry.range, wide = 340, known = entry.training_scores;
  const values = [low, high, entry.score, ...(entry.interval || []), ...(known || []), ...(entry.judged != null ? [entry.judged] : [])];
  const begin = Math.min(...values), end = Math.max(...values), x = (v) => 8 + ((v - begin) / (end - begin || 1)) * (wide - 16);
  let standing = null;
  const svg = s("svg", { viewBox: `0 0 ${wide} 92`, role: "img" }, s("title", {}));
  svg.firstChild.textContent = known ? t("training") : t("scale", { low: short(low), high: short(high) });
  if (known) {
    const below = (v) => {
      const last = known.length - 1;
      if (v <= known[0]) return 0;
      if (v >= known[last]) return 1;
      const i = known.findIndex((each) => each > v) - 1;
      return (i + (v - known[i]) / (known[i + 1] - known[i] || 1)) / last;
    };
    const bins = 16, first = known[0], width = (known[known.length - 1] - first) / bins;
    const shares = Array.from({ length: bins }, (_, i) => below(first + (i + 1) * width) - below(first + i * width));
    const top = Math.max(...shares) || 1;
    shares.forEach((share, i) => {
      const tall = (44 * share) / top, left = x(first + i * width);
      svg.append(s("rect", { x: left, y: 56 - tall, width: Math.max(1, x(first + (i + 1) * width) - left - 1), height: tall, fill: "var(--line)" }));
    });
    standing = Math.round(100 * below(entry.score));
  }
  svg.append(s("line", { x1: x(begin), x2: x(end), y1: 56, y2: 56, stroke: "var(--soft)" }));
  if (entry.interval) {
    const [a, b] = entry.interval.map(x);
    svg.append(s("path", { d: `M${a} 58v8M${b} 58v8M${a} 62H${b}`, stroke: "var(--gain)", "stroke-width": 2, fill: "none" }));
  }
  if (entry.judged != null) {
    const at = x(entry.judged);
    svg.append(s("path", { d: `M${at} 56l-5 -9h10z`, fill: "var(--loss)" }));
  }
  svg.append(s("line", { x1: x(entry.score), x2: x(entry.score), y1: 8, y2: 68, stroke: "var(--gain)", "stroke-width": 3 }));
  for (const [value, anchor] of [[begin, "start"], [end, "end"]]) {
    const text = s("text", { x: x(value), y: 86, "text-anchor": anchor, "font-size": 12, fill: "var(--soft)" });
    text.textContent = short(value);
    svg.append(text);
  }
  return { svg, standing };
}
