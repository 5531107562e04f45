// The page.
let rest = new Map();
function complete() { for (const [section, fillIt] of rest) fillIt(section); rest.clear(); }
function ranking() {
  const names = [...new Set(report.routines.flatMap((r) => r.entries.map((e) => e.score_name)))];
  const of = (routine, name) => routine.entries.find((entry) => entry.score_name === name);
  const columns = [{ label: t("name"), text: true }, ...names.map((name) => ({ label: name, down: true }))];
  const order = [...report.routines.keys()].sort((a, b) => report.routines[b].entries[0].score - report.routines[a].entries[0].score);
  const rows = order.map((index) => {
    const routine = report.routines[index];
    return [{ value: routine.name, node: h("a", { href: `#routine-${index}` }, routine.name) },
      ...names.map((name) => { const entry = of(routine, name); return cell(entry ? entry.score : -Infinity, entry ? fixed(entry.score) : ""); })];
  });
  return h("section", {}, h("h2", {}, t("ranking")), table(t("ranking"), columns, rows).box);
}
function draw() {
  charts.forEach((each) => each.end());
  document.querySelectorAll("main").forEach((old) => old.remove());
  root.lang = language;
  current = null;
  const choice = h("select", { "aria-label": t("language"), onchange: () => { language = choice.value; draw(); } },
    languages.map((tag) => h("option", { value: tag, selected: tag === language, lang: tag }, LANGUAGE_NAMES[tag])));
  const count = report.routines.length, waiting = (id, title) => h("section", { class: "waiting", id }, h("h2", {}, title));
  const compared = pairs().map((of, index) => [waiting(`comparison-${index}`,
    t("against", { a: report.routines[of[0].routines[0]].name, b: report.routines[of[0].routines[1]].name })), (section) => fillComparison(section, of)]);
  const routines = report.routines.map((routine, index) => [waiting(`routine-${index}`, routine.name), (section) => fill(section, index)]);
  rest = new Map([...compared, ...routines]);
  const title = compared.length ? t("comparison") : count !== 1 ? t("routines", { n: count }) : t("report");
  document.body.append(h("main", {},
    h("header", {}, h("h1", {}, title), h("span", { class: "screen" }, choice)),
    compared.length > 1 ? order() : !compared.length && count > 1 ? ranking() : "", [...rest.keys()],
    report.failures.length ? h("section", { class: "failed" }, h("h2", {}, t("failed")), h("ul", {}, report.failures.map((each) => h("li", {}, each.error)))) : "",
    h("p", { class: "soft" }, `aqa-pipeline ${report.version}. ${t("verdict")}`)));
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || !rest.has(target)) continue;
      near.unobserve(target);
      const fillIt = rest.get(target);
      rest.delete(target);
      fillIt(target);
    }
  }, { rootMargin: "600px" });
  [...rest.keys()].forEach((section) => near.observe(section));
}
document.addEventListener("keydown", (event) => {
  if (!current || event.ctrlKey || event.metaKey || event.altKey) return;
  const own = event.target.closest?.("input, select, textarea, video") || (event.key === " " && event.target.closest?.("button, summary, a"));
  const act = current.keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const { top, bottom } = current.element.getBoundingClientRect();
  // Where the video is out of sight, and in a table, up and down scroll.
  const scrolls = /^Arrow(Up|Down)$/.test(event.key) && (bottom < 0 || top > innerHeight);
  if (own || !act || scrolls || event.target.matches?.(".wide")) return;
  event.preventDefault();
  act();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((each) => each.redraw()));
// Paper is white, and holds every routine.
addEventListener("beforeprint", () => { root.dataset.print = ""; complete(); charts.forEach((each) => each.redraw()); });
addEventListener("afterprint", () => { delete root.dataset.print; charts.forEach((each) => each.redraw()); });
draw();
