// A routine.
let current = null;
function scoreHead(routine, entry) {
  const { svg, standing } = scale(entry), [low, high] = entry.range;
  return h("div", { class: "top" },
    h("div", {}, h("span", { class: "score" }, fixed(entry.score)), " ", h("span", { class: "soft" }, entry.score_name),
      entry.interval && h("p", { class: "soft" }, t("between", { low: fixed(entry.interval[0]), high: fixed(entry.interval[1]) })),
      h("p", { class: "soft" }, t("scale", { low: short(low), high: short(high) })),
      entry.judged != null && h("p", {}, t("judged", { n: fixed(entry.judged), by: signed(entry.score - entry.judged) })),
      standing != null && h("p", {}, t("standing", { n: standing }))), svg);
}
function momentList(view, kind, pictures, goTo) {
  const indices = view.entry[kind];
  return h("div", {}, h("h3", { class: kind }, `${kind === "won" ? "\u25b2" : "\u25bc"} ${t(kind)}`),
    indices.length ? h("ol", {}, indices.map((i) => h("li", {},
      pictures[i] && h("img", { src: `data:image/jpeg;base64,${pictures[i]}`, alt: "", width: 96 }),
      h("div", {}, button(view.label(i), () => goTo(view.starts[i])), ` ${quarter(view, i)}: ${words(view, i)}`))))
      : h("p", { class: "soft" }, t("nothing")));
}
function fill(section, index) {
  const routine = report.routines[index];
  let view = seen(routine.entries[0]), drawn = { plots: [] };
  const player = makePlayer(routine, index, () => view), goTo = player.goTo, body = h("div");
  const now = { row: null };
  const activate = () => { current = player; };
  section.addEventListener("pointerdown", activate);
  section.addEventListener("focusin", activate);
  const tabs = routine.entries.length > 1 && h("div", { class: "row", role: "group", "aria-label": t("score") }, routine.entries.map((entry, i) =>
    button(`${entry.score_name} ${fixed(entry.score)}`, () => show(i), { "aria-pressed": i === 0 })));
  function show(which) {
    drawn.plots.forEach((plot) => plot.end());
    view = seen(routine.entries[which]);
    const { entry } = view;
    if (tabs) [...tabs.children].forEach((tab, i) => tab.setAttribute("aria-pressed", i === which));
    drawn = timeline(view, goTo);
    const clips = clipTable(routine.name, view, goTo);
    const copy = button(t("copy"), async () => {
      const text = plain(clips).map((row) => row.join("\t")).join("\n");
      try { await navigator.clipboard.writeText(text); } catch { download(stem(routine.name) + ".tsv", "text/tab-separated-values", text); }
      copy.textContent = t("copied");
    }, { class: "screen" });
    now.rows = clips.elements;
    const total = entry.parts.points.reduce((a, b) => a + b, 0);
    body.replaceChildren(...[
      scoreHead(routine, entry),
      entry.remarks.length && h("ul", { class: "soft", lang: "en", "aria-label": t("remarks") }, entry.remarks.map((line) => h("li", {}, line))),
      !entry.aligned && entry.baseline == null && h("p", { class: "soft" }, t("queries")),
      ...drawn.elements,
      entry.baseline != null && h("p", { class: "soft" }, `${t("start", { n: fixed(entry.baseline) })} ${t("sums", { n: signed(total) })} `
        + entry.phases.map((phase) => `${known(phase.name)} ${signed(phase.points)}`).join(", ")),
      h("div", { class: "moments" }, momentList(view, "won", routine.pictures, goTo), momentList(view, "lost", routine.pictures, goTo)),
      h("details", {}, h("summary", {}, `${t("all")} (${view.count})`), h("div", { class: "row" }, copy), clips.box),
      h("details", {}, h("summary", {}, t("provenance")), h("dl", {},
        h("dt", {}, t("checkpoint")), h("dd", {}, entry.checkpoint),
        entry.features && [h("dt", {}, t("features")), h("dd", {}, Object.values(entry.features).filter((v) => v != null).join(", "))],
        report.command && [h("dt", {}, t("command")), h("dd", {}, h("code", {}, report.command))],
        h("dt", {}, t("version")), h("dd", {}, [`aqa-pipeline ${report.version}`, ...Object.entries(entry.versions || {}).map((each) => each.join(" "))].join(", "))),
      h("div", { class: "row screen" }, button(t("savejson"), () => download("results.json", "application/json", JSON.stringify(contracts(), null, 2))),
        button(t("saveclips"), () => download(stem(routine.name) + "-clips.csv", "text/csv", csv(plain(clips)))))),
    ].filter(Boolean));
    requestAnimationFrame(player.moved);
  }
  player.onmove.push((x) => {
    drawn.plots.forEach((plot) => plot.mark(x));
    const row = now.rows?.[view.clipAt(x + 2e-3)];
    if (row !== now.row) { now.row?.classList.remove("now"); row?.classList.add("now"); now.row = row; }
  });
  section.classList.remove("waiting");
  section.append(...[tabs, player.element, body, notesPart(index, routine, player, () => view)].filter(Boolean));
  show(0);
  current ??= player;
}
