// Notes: kept in the browser, and in a page that is saved with them.
const notesKey = "aqa-notes:" + report.routines.map((r) => `${r.video} ${r.entries[0].score}`).join("|");
const notes = { ...saved };
try { Object.assign(notes, JSON.parse(localStorage.getItem(notesKey) || "{}")); } catch { /* a page that may keep nothing */ }
function keepNotes() { try { localStorage.setItem(notesKey, JSON.stringify(notes)); } catch { /* they stay in this view */ } }
function savePage() {
  const inside = JSON.stringify(notes).replaceAll("<", "\\u003c").replaceAll(">", "\\u003e");
  const text = pristine.replace(/(<script id="notes" type="application\/json">)[^<]*/, (_, tag) => tag + inside);
  download(stem(report.routines[0]?.name ?? "report") + ".html", "text/html", "<!DOCTYPE html>\n" + text);
}
function notesPart(index, routine, player, view) {
  const list = h("ul"), input = h("input", { type: "text" }), label = h("label", {}, "", input);
  const mine = () => (notes[index] ||= []);
  const when = (x) => (view().timed ? clock(x, true) : `${t("clip")} ${Math.floor(x) + 1}`);
  const refresh = () => {
    list.replaceChildren(...mine().map((note, i) => h("li", {}, button(when(note.at), () => player.goTo(note.at)), " ", note.text, " ",
      button("\u00d7", () => { mine().splice(i, 1); keepNotes(); refresh(); }, { "aria-label": `${t("remove")}: ${note.text}`, class: "screen" }))));
  };
  const add = () => {
    if (!input.value.trim()) return;
    mine().push({ at: Math.round(player.at() * 10) / 10, text: input.value.trim() });
    mine().sort((a, b) => a.at - b.at);
    input.value = "";
    keepNotes();
    refresh();
  };
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") add(); });
  player.onmove.push((x) => { label.firstChild.textContent = t("note", { n: when(x) }) + " "; });
  refresh();
  const vtt = () => "WEBVTT\n\n" + mine().map((note, i) => {
    const stamp = (x) => new Date(Math.max(0, x) * 1000).toISOString().slice(11, 23);
    const last = view().ends[view().count - 1], end = Math.max(mine()[i + 1]?.at ?? last, note.at + 0.1);
    return `${stamp(note.at)} --> ${stamp(end)}\n${note.text.replaceAll("-->", "\u2192").replaceAll("&", "&amp;").replaceAll("<", "&lt;")}\n\n`;
  }).join("");
  const rows = () => csv([["seconds", "note"], ...mine().map((note) => [note.at, note.text])]);
  return h("div", {}, h("h3", {}, t("notes")), list, h("div", { class: "row screen" }, label, button(t("add"), add)),
    h("div", { class: "row screen" }, button(t("savepage"), savePage), button(t("savecsv"), () => download(stem(routine.name) + "-notes.csv", "text/csv", rows())),
      view().timed && button(t("savevtt"), () => download(stem(routine.name) + ".vtt", "text/vtt", vtt()))));
}
