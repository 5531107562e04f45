// The list of a server: videos are dropped, wait, are computed, and lead to their reports.
const POLL_MS = 1000, REST_MS = 5000;
const rows = new Map(), chosen = new Set();
let search = "", shown = 100, timer = 0, parts = {};

async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw new Error(detail(await answer.text()));
}
// One line, as the server has it in JSON or in plain text.
function detail(text) {
  try { const found = JSON.parse(text).detail; return typeof found === "string" ? found : text; } catch { return text; }
}
const complain = (error) => { parts.said.textContent = error instanceof TypeError ? t("lost") : error.message; };

// ---- uploads, one after the other, in the order in which they were dropped ----
const waiting = [];
let sending = false;
function send(files) {
  parts.said.textContent = "";
  for (const file of files) {
    const bar = h("progress", { max: 1, value: 0, "aria-label": file.name }), note = h("span", { class: "soft" });
    const line = h("li", {}, `${file.name} `, note, bar);
    parts.uploads.append(line);
    waiting.push({ file, bar, note, line });
  }
  sendNext();
}
function sendNext() {
  if (sending || !waiting.length) return;
  sending = true;
  const { file, bar, note, line } = waiting.shift(), request = new XMLHttpRequest();
  const over = () => { sending = false; sendNext(); };
  const refused = (text) => line.replaceChildren(h("span", { class: "bad" }, text), " ",
    button("\u00d7", () => line.remove(), { "aria-label": `${t("remove")}: ${file.name}` }));
  // A server that refuses it while it is sent cuts the line, and the browser cannot say why.
  if (file.size > report.most_bytes) { refused(`${file.name}: ${t("toolarge", { n: short(report.most_bytes / 2 ** 30) })}`); over(); return; }
  request.open("POST", `v1/score?name=${encodeURIComponent(file.name)}`);
  request.setRequestHeader("content-type", "application/octet-stream");
  request.upload.addEventListener("progress", (event) => {
    bar.value = event.loaded / event.total;
    if (event.loaded === event.total) note.textContent = t("checking");
  });
  request.addEventListener("load", () => {
    if (request.status === 202) { line.remove(); refresh(); } else refused(detail(request.responseText));
    over();
  });
  request.addEventListener("error", () => { refused(`${file.name}: ${t("lost")}`); over(); });
  request.send(file);
}

// ---- jobs ----
const time = (seconds) => (seconds < 60 ? t("seconds", { n: Math.max(1, Math.round(seconds)) }) : t("minutes", { n: Math.round(seconds / 60) }));
function stateOf(job) {
  const left = job.seconds_left == null ? "" : `, ${t("left", { n: time(job.seconds_left) })}`;
  if (job.state === "queued") return [`${t("queued", { n: job.position })}${left}`];
  if (job.state === "running") {
    const { clips, of } = job.progress || { clips: 0, of: 1 };
    return [h("progress", { max: of, value: clips, "aria-label": `${t("running")}: ${job.name}` }), clips < of ? `${t("running")}${job.progress ? ` ${clips}/${of}` : ""}${left}` : t("finishing")];
  }
  if (job.state === "failed") return [h("span", { class: "bad" }, job.error || t("failed"))];
  return [h("span", { class: "scores" }, Object.entries(job.scores).map(([name, score]) => `${name} ${fixed(score)}`).join(", "))];
}
function makeRow(job) {
  const base = `v1/jobs/${job.id}`, state = h("td"), acts = h("div", { class: "acts" });
  const box = h("input", { type: "checkbox", "aria-label": `${t("choose")}: ${job.name}`, onchange: () => { if (box.checked) chosen.add(job.id); else chosen.delete(job.id); ready(); } });
  const element = h("tr", {}, h("td", {}, box), h("td", { class: "name" }, job.name, h("div", { class: "soft" }, new Date(job.created).toLocaleString(language))), state, h("td", {}, acts));
  const remove = button(t("delete"), async () => {
    if (!confirm(t("really", { n: job.name }))) return;
    try { await ask(base, { method: "DELETE" }); chosen.delete(job.id); refresh(); } catch (error) { complain(error); }
  }, { "aria-label": `${t("delete")}: ${job.name}` });
  const link = (path, label) => h("a", { href: `${base}/${path}`, "aria-label": `${label}: ${job.name}` }, label);
  let last = "", was = "";
  const update = (now) => {
    const key = JSON.stringify(now);
    if (key === last) return;
    last = key;
    state.replaceChildren(...stateOf(now));
    if (now.state === was) return;
    was = now.state;
    const done = was === "done";
    box.disabled = !done;
    acts.replaceChildren(...(done ? [link("report", t("report")), link("report?download=true", t("save")), link("results.json", "JSON"), link("thumbnails.zip", t("pictures"))] : []), remove);
  };
  return { element, box, update };
}
function ready() {
  parts.compare.disabled = chosen.size !== 2;
  for (const [id, row] of rows) row.box.checked = chosen.has(id);
}
async function refresh() {
  clearTimeout(timer);
  let busy = false;
  try {
    const found = [];
    let more = true;
    while (more && found.length < shown) {
      const page = await ask(`v1/jobs?search=${encodeURIComponent(search)}&offset=${found.length}`);
      found.push(...page.jobs);
      more = page.more;
    }
    if (parts.said.textContent === t("lost")) parts.said.textContent = "";
    const ids = new Set(found.map((job) => job.id));
    for (const [id, row] of rows) if (!ids.has(id)) { row.element.remove(); rows.delete(id); }
    let before = parts.body.firstChild;
    for (const job of found) {
      if (!rows.has(job.id)) rows.set(job.id, makeRow(job));
      const row = rows.get(job.id);
      row.update(job);
      if (row.element === before) before = before.nextSibling; else parts.body.insertBefore(row.element, before);
      busy ||= job.state === "queued" || job.state === "running";
    }
    parts.empty.hidden = found.length > 0;
    parts.more.hidden = !more;
    ready();
  } catch (error) { complain(error); }
  clearTimeout(timer);
  timer = setTimeout(refresh, busy ? POLL_MS : REST_MS);
}

// ---- the page ----
function draw() {
  document.querySelector("main")?.remove();
  root.lang = language;
  rows.clear();
  const choice = h("select", { "aria-label": t("language"), onchange: () => { language = choice.value; draw(); refresh(); } },
    languages.map((tag) => h("option", { value: tag, selected: tag === language, lang: tag }, LANGUAGE_NAMES[tag])));
  const input = h("input", { type: "file", multiple: true, accept: "video/*,.mkv,.avi,.mts,.ts", onchange: () => { send(input.files); input.value = ""; } });
  const find = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search"), value: search, oninput: () => { search = find.value; refresh(); } });
  parts = {
    drop: h("label", { class: "drop" }, input, h("strong", {}, t("drop")), h("div", { class: "soft" }, t("dropmore"))),
    said: h("p", { role: "status", class: "bad" }), uploads: h("ul", { class: "uploads" }), body: h("tbody"), empty: h("p", { class: "soft", hidden: true }, t("empty")),
    compare: button(t("compare"), () => { const [first, second] = chosen; location.href = `v1/compare?first=${first}&second=${second}`; }, { disabled: true }),
    more: button(t("more"), () => { shown += 100; refresh(); }, { hidden: true }),
  };
  document.body.append(h("main", {}, h("header", {}, h("h1", {}, "aqa-pipeline"), choice), parts.drop, parts.uploads, parts.said,
    h("section", {}, h("h2", {}, t("videos")), h("div", { class: "row" }, find, parts.compare, h("span", { class: "soft" }, t("two"))),
      h("table", { class: "jobs" }, h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col" }, t("name")), h("th", { scope: "col" }, t("state")), h("td"))), parts.body),
      parts.empty, parts.more),
    h("p", { class: "soft" }, `aqa-pipeline ${report.version}. ${t("verdict")} `, h("a", { href: "docs" }, t("programs")))));
}
for (const kind of ["dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    parts.drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop") send(event.dataTransfer.files);
  });
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
draw();
refresh();
