// Videos and their transport; a place in the routine where there is no video.
// A copy in the page, as an address that can be sought in.
const copies = new Map();
function copyOf(index) {
  if (copies.has(index)) return copies.get(index);
  const text = document.getElementById(`copy-${index}`)?.textContent;
  if (!text) return null;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  copies.set(index, URL.createObjectURL(new Blob([bytes], { type: "video/mp4" })));
  return copies.get(index);
}
// A routine's video, or the question for it. ``changed`` is told when it comes or cannot be played.
function screen(routine, index, attributes, changed) {
  const video = h("video", { preload: "metadata", playsinline: true, "aria-label": routine.name, ...attributes });
  const found = { video, source: copyOf(index) ?? routine.source };
  const chooser = h("input", { type: "file", accept: "video/*", onchange: () => { if (chooser.files[0]) load(URL.createObjectURL(chooser.files[0])); } });
  const prompt = h("span", {}, t("choose")), choose = h("label", { class: "row screen" }, prompt, " ", chooser);
  function load(address) { found.source = address; video.src = address; video.hidden = false; choose.hidden = true; changed(found); }
  video.addEventListener("error", () => {
    prompt.textContent = t("unplayable");
    choose.hidden = false;
    video.hidden = true;
    found.source = null;
    changed(found);
  });
  found.elements = [video, choose];
  if (found.source) { video.src = found.source; choose.hidden = true; } else video.hidden = true;
  return found;
}
const play = (video) => video.play().catch(() => {});

// Buttons and keys of a player that has at, goTo, toggle, nudge and rate.
function transport(player, view) {
  const clip = (by) => { const { starts, clipAt, count } = view(), i = clipAt(player.at() + player.slack) + by; player.goTo(starts[Math.min(Math.max(i, 0), count - 1)]); };
  const jump = (by) => {
    const { moments, starts, clipAt } = view(), i = clipAt(player.at() + player.slack);
    const next = by > 0 ? moments.find((m) => m > i) : moments.findLast((m) => m < i);
    if (next !== undefined) player.goTo(starts[next]);
  };
  const toggle = button(t("play"), () => player.toggle());
  const loop = h("input", { type: "checkbox", onchange: () => { player.loop = loop.checked; } });
  const speed = h("select", { "aria-label": t("speed"), onchange: () => player.rate(Number(speed.value)) },
    [0.25, 0.5, 0.75, 1].map((rate) => h("option", { value: rate, selected: rate === 1 }, `${rate}\u00d7`)));
  const labelled = (sign, key, action) => button(sign, action, { "aria-label": t(key), title: t(key) });
  player.keys = {
    " ": () => player.toggle(), ArrowLeft: () => clip(-1), ArrowRight: () => clip(1), ArrowUp: () => jump(-1), ArrowDown: () => jump(1),
    ",": () => player.nudge(-1), ".": () => player.nudge(1), l: () => { loop.checked = player.loop = !player.loop; },
  };
  player.playing = (runs) => { toggle.textContent = t(runs ? "pause" : "play"); };
  player.can = (play) => { toggle.disabled = !play; };
  return [h("div", { class: "row screen" },
    labelled("\u00ab", "momentback", () => jump(-1)), labelled("\u2039", "clipback", () => clip(-1)),
    labelled("\u22121", "frameback", () => player.nudge(-1)), toggle, labelled("+1", "frameon", () => player.nudge(1)),
    labelled("\u203a", "clipon", () => clip(1)), labelled("\u00bb", "momenton", () => jump(1)),
    speed, h("label", {}, loop, t("loop"))), h("p", { class: "soft screen" }, t("keys"))];
}

// One video. Places are seconds of it (numbers of clips where there are no times).
function makePlayer(routine, index, view) {
  const onmove = [], player = { onmove, loop: false, slack: 2e-3 };
  let still = view().starts[0], frame = 0;
  const shown = screen(routine, index, { controls: true }, (now) => player.can(now.source)), { video } = shown;
  player.at = () => (shown.source ? video.currentTime : still);
  player.moved = () => onmove.forEach((tell) => tell(player.at()));
  player.goTo = (x) => {
    const last = view().ends[view().count - 1];
    still = Math.min(Math.max(x, view().starts[0]), last - 1e-3);
    if (shown.source) video.currentTime = still + 1e-3;
    onmove.forEach((tell) => tell(still));
  };
  player.toggle = () => { if (!shown.source) return; if (video.paused) play(video); else video.pause(); };
  player.nudge = (by) => { if (shown.source) { video.pause(); player.goTo(video.currentTime + by * (routine.frame_s ?? 0.04)); } };
  player.rate = (rate) => { video.playbackRate = rate; };
  function follow() {
    const at = view().clipAt(still);
    if (player.loop && video.currentTime >= view().ends[at]) video.currentTime = view().starts[at] + 1e-3;
    else still = video.currentTime;
    player.moved();
    frame = video.paused ? 0 : requestAnimationFrame(follow);
  }
  const controls = transport(player, view);
  video.addEventListener("play", () => { player.playing(true); if (!frame) frame = requestAnimationFrame(follow); });
  video.addEventListener("pause", () => player.playing(false));
  video.addEventListener("seeked", () => { if (video.paused) { still = video.currentTime; player.moved(); } });
  player.element = h("div", {}, ...shown.elements, ...controls);
  player.can(shown.source);
  return player;
}

// Two videos in step. Places are on the comparison's timeline; ``spans`` say where it lies on each.
function makePair(comparison, view) {
  const onmove = [], share = comparison.unit === "share", length = view().ends[view().count - 1];
  const player = { onmove, loop: false, slack: length * 1e-5 };
  let still = 0, frame = 0, asked = 1;
  const sides = comparison.routines.map((index, which) => {
    const [start, lasts] = comparison.spans?.[which] ?? [0, 1], scale = share ? lasts : 1;
    const side = screen(report.routines[index], index, { muted: true }, () => player.can(lead()));
    return { ...side, get source() { return comparison.spans && side.source; }, scale, lasts, routine: report.routines[index],
      place: (x) => start + x * scale, back: (time) => (time - start) / scale };
  });
  // The one that lasts longer leads, the other follows.
  const lead = () => sides.filter((side) => side.source).sort((a, b) => b.lasts - a.lasts)[0];
  player.at = () => still;
  player.moved = () => onmove.forEach((tell) => tell(still));
  function seek(x) { for (const side of sides) if (side.source) side.video.currentTime = side.place(x) + 1e-3; }
  player.goTo = (x) => { still = Math.min(Math.max(x, 0), length * (1 - 1e-6)); seek(still); player.moved(); };
  const pause = () => sides.forEach((side) => side.video.pause());
  player.toggle = () => { if (!lead()) return; if (lead().video.paused) { player.rate(asked); sides.forEach((side) => side.source && play(side.video)); } else pause(); };
  player.nudge = (by) => { const first = lead(); if (first) { pause(); player.goTo(still + (by * (first.routine.frame_s ?? 0.04)) / first.scale); } };
  player.rate = (rate) => { asked = rate; for (const side of sides) side.video.playbackRate = (rate * side.scale) / lead().scale; };
  function follow() {
    const first = lead();
    if (!first) { frame = 0; return; }
    const at = view().clipAt(still), x = first.back(first.video.currentTime);
    if (player.loop && x >= view().ends[at]) player.goTo(view().starts[at]);
    else still = Math.min(Math.max(x, 0), length);
    for (const side of sides) {
      if (side.video === first.video || !side.source) continue;
      const late = side.place(still) - side.video.currentTime, rate = (asked * side.scale) / first.scale;
      if (side.place(still) > side.video.duration) continue;
      if (Math.abs(late) > 0.3) side.video.currentTime = side.place(still);
      else side.video.playbackRate = Math.min(Math.max(rate * (1 + late), 0.1), 4);
      if (side.video.paused && !side.video.ended) play(side.video);
    }
    player.moved();
    frame = first.video.paused ? 0 : requestAnimationFrame(follow);
    if (!frame) pause();
  }
  const controls = transport(player, view);
  for (const side of sides) {
    side.video.addEventListener("play", () => { player.playing(true); if (!frame) frame = requestAnimationFrame(follow); });
    side.video.addEventListener("pause", () => { if (side.video === lead()?.video) player.playing(false); });
  }
  player.element = h("div", {}, h("div", { class: "pair" }, sides.map((side) => h("div", {}, h("p", {}, side.routine.name), comparison.spans && side.elements))), ...controls);
  player.can(lead());
  player.goTo(0);
  return player;
}
