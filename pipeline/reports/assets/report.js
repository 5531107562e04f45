// Draws a report from the JSON in its page. Everything shown is set as text, never as markup.
"use strict";
(() => {
  // The page as it was written, for saving it again with notes.
  const pristine = document.documentElement.outerHTML;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const report = read("document"), texts = read("texts"), saved = read("notes");
  const root = document.documentElement;
  const languages = Object.keys(texts);
  const wanted = (navigator.languages || []).map((tag) => tag.split("-")[0]);
  let language = wanted.find((tag) => languages.includes(tag)) || "en";
  const LANGUAGE_NAMES = { en: "English", de: "Deutsch", fr: "Français", ja: "日本語", zh: "中文" };

  const t = (key, values = {}) =>
    (texts[language][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const known = (name) => (name in texts.en ? t(name) : name);
  const signed = (value, digits = 2) => (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(digits);
  const fixed = (value, digits = 2) => value.toFixed(digits).replace("-", "\u2212");
  const short = (value) => String(Number(value.toPrecision(4)));

  function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child != null && child !== false));
    return element;
  }
  function s(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  const button = (label, action, more = {}) => h("button", { type: "button", onclick: action, ...more }, label);
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function clock(seconds, tenths = false) {
    const factor = tenths ? 10 : 1, whole = Math.round(seconds * factor) / factor;
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    const rest = (whole % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0");
    return (hours ? `${hours}:${String(minutes).padStart(2, "0")}` : minutes) + ":" + rest;
  }
  function download(name, type, text) {
    const link = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
  // A cell that begins like a formula is text to a spreadsheet, too.
  const csvCell = (value) => {
    let text = String(value ?? "");
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (rows) => rows.map((row) => row.map(csvCell).join(",") + "\r\n").join("");
  const stem = (name) => name.replace(/[^\p{L}\p{N}._-]+/gu, "_");

  // ---- the results as `score --json` gives them ----
  const at = (column, index) => (column ? column[index] : null);
  function contract(routine, entry) {
    const { clips, parts } = entry, explained = entry.baseline != null;
    return {
      video: routine.video, score: entry.score, score_name: entry.score_name, interval: entry.interval,
      remarks: entry.remarks,
      clips: clips.score.map((score, i) => ({
        start_s: at(clips.start_s, i), end_s: at(clips.end_s, i), score, weight: clips.weight[i],
        aligned: entry.aligned,
      })),
      baseline: entry.baseline, baseline_above_mean: entry.baseline_above_mean,
      contributions: !explained ? [] : parts.points.map((points, i) => {
        const low = parts.width ? points - parts.width[i] : null;
        const high = parts.width ? points + parts.width[i] : null;
        return { start_s: at(parts.start_s, i), end_s: at(parts.end_s, i), points, low, high,
          sure: parts.width ? low > 0 || high < 0 : null };
      }),
      phases: entry.phases, checkpoint: entry.checkpoint, features: entry.features,
    };
  }
  const contracts = () => ({
    results: [...report.routines.flatMap((r) => r.entries.map((e) => contract(r, e))), ...report.failures],
  });

  // ---- one score of one routine, as the charts see it ----
  function seen(entry) {
    const { parts } = entry, timed = parts.start_s != null, count = parts.points.length;
    const starts = timed ? parts.start_s : parts.points.map((_, i) => i);
    // A picture that stands for longer than a frame overlaps the next clip: there each ends.
    const ends = starts.map((start, i) =>
      Math.min(timed ? parts.end_s[i] : start + 1, i + 1 < count ? starts[i + 1] : Infinity));
    const clear = parts.margin.map((margin, i) => (parts.width ? Math.abs(margin) > parts.width[i] : null));
    const label = (i) => timed ? `${clock(starts[i], true)}\u2013${clock(ends[i], true)}` : `${t("clip")} ${i + 1}`;
    const clipAt = (x) => {
      let low = 0, high = count - 1;
      while (low < high) { const middle = (low + high + 1) >> 1; if (starts[middle] <= x + 1e-6) low = middle; else high = middle - 1; }
      return low;
    };
    const moments = [...entry.won, ...entry.lost].sort((a, b) => a - b);
    return { entry, parts, timed, count, starts, ends, clear, label, clipAt, moments };
  }
  function words(view, i) {
    const { parts } = view, said = [`${signed(parts.points[i])} ${t("pts")}`];
    if (parts.width) said[0] += ` (\u00b1 ${fixed(parts.width[i])})`;
    if (parts.above) said.push(`${t("typical")} ${signed(parts.points[i] - parts.margin[i])}`);
    if (parts.above) said.push(t("abovewords", { n: Math.round(parts.above[i]) }));
    if (view.clear[i] !== null) said.push(t(view.clear[i] ? "sure" : "noise"));
    return said.join(", ");
  }
  const quarter = (view, i) =>
    t(["first", "second", "third", "last"][Math.floor((i * 4) / view.count)] + " quarter");

  // ---- charts ----
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
        { ...axis, size: 30, grid: { show: false }, values: (_, ticks) => ticks.map((x) => (view.timed ? clock(x, high - low < 20) : x + 1)),
          incrs: view.timed ? [0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800] : [1, 2, 5, 10, 20, 50, 100, 500] },
        { ...axis, size: 52, values: (_, ticks) => ticks.map(short) },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { drawClear: [bands], draw: [draw] },
    }, [view.starts, values], box);
    function bands(u) {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.fillStyle = colour("--band");
      for (const q of [1, 3]) {
        const edge = (number) => u.valToPos(view.starts[Math.ceil((number * view.count) / 4)] ?? high, "x", true);
        ctx.fillRect(edge(q), bbox.top, edge(q + 1) - edge(q), bbox.height);
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

  // ---- the score among those of the training, and how many percent of these it beats ----
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

  // ---- tables ----
  function table(label, columns, rows, onRow) {
    const body = h("tbody"), order = { column: -1, up: true };
    const elements = rows.map((row, index) => {
      const element = h("tr", onRow ? { "data-clip": index } : {}, row.map((cell, i) =>
        h("td", { class: columns[i].text && "text" }, cell.node ?? cell.shown)));
      if (onRow) element.addEventListener("click", (event) => { if (!event.target.closest("button, a")) onRow(index); });
      return element;
    });
    body.append(...elements);
    const heads = columns.map((column, i) => h("th", { scope: "col" }, button(column.label, () => {
      order.up = order.column === i ? !order.up : !column.down;
      order.column = i;
      const sign = order.up ? 1 : -1;
      const by = rows.map((row, index) => [row[i].value, index]);
      by.sort(([a, x], [b, y]) => sign * (typeof a === "string" ? a.localeCompare(b) : a - b) || x - y);
      body.append(...by.map(([, index]) => elements[index]));
      heads.forEach((each, k) => each.setAttribute("aria-sort", k !== i ? "none" : order.up ? "ascending" : "descending"));
    }, { title: t("sort", { n: column.label }) })));
    return { box: h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": label },
      h("table", {}, h("thead", {}, h("tr", {}, heads)), body)), elements };
  }
  const cell = (value, shown = String(value)) => ({ value, shown });

  function clipTable(name, view, goTo) {
    const { parts } = view, number = (column, i, digits = 3) => cell(column[i], signed(column[i], digits));
    const columns = [{ label: t(view.timed ? "time" : "clip") }, { label: t("points"), down: true }];
    if (parts.width) columns.push({ label: t("width"), down: true });
    const compared = parts.above != null;
    if (compared) columns.push({ label: t("typical"), down: true }, { label: t("above"), down: true }, { label: t("sure") });
    const rows = view.starts.map((start, i) => {
      const row = [{ value: start, node: button(view.label(i), () => goTo(start)) }, number(parts.points, i)];
      if (parts.width) row.push(cell(parts.width[i], `\u00b1 ${fixed(parts.width[i])}`));
      if (compared) {
        const usual = parts.points[i] - parts.margin[i];
        const sure = view.clear[i] === null ? "" : t(view.clear[i] ? "sure" : "noise");
        row.push(cell(usual, signed(usual, 3)), cell(parts.above[i], `${Math.round(parts.above[i])} %`), cell(sure));
      }
      return row;
    });
    return { ...table(`${t("all")}: ${name}`, columns, rows, (i) => goTo(view.starts[i])), columns, rows };
  }
  const plain = (found) => [found.columns.map((c) => c.label), ...found.rows.map((row, i) =>
    row.map((each) => each.shown ?? found.elements[i].cells[0].textContent))];

  // ---- notes: kept in the browser, and in a page that is saved with them ----
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

  // ---- the video, or a place in the routine without one ----
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
  function makePlayer(routine, index, view) {
    const onmove = [], player = { onmove, loop: false };
    let still = view().starts[0], frame = 0, source = copyOf(index) ?? routine.source;
    const video = h("video", { controls: true, preload: "metadata", playsinline: true, "aria-label": routine.name });
    const chooser = h("input", { type: "file", accept: "video/*", onchange: () => { if (chooser.files[0]) load(URL.createObjectURL(chooser.files[0])); } });
    const prompt = h("span", {}, t("choose")), choose = h("label", { class: "row screen" }, prompt, " ", chooser);
    const toggle = button(t("play"), () => player.toggle());
    function load(address) { source = address; video.src = address; video.hidden = false; choose.hidden = true; toggle.disabled = false; }
    video.addEventListener("error", () => { prompt.textContent = t("unplayable"); choose.hidden = false; video.hidden = true; toggle.disabled = true; source = null; });
    player.at = () => (source ? video.currentTime : still);
    player.moved = () => onmove.forEach((tell) => tell(player.at()));
    player.goTo = (x) => {
      const last = view().ends[view().count - 1];
      still = Math.min(Math.max(x, view().starts[0]), last - 1e-3);
      if (source) video.currentTime = still + 1e-3;
      onmove.forEach((tell) => tell(still));
    };
    player.toggle = () => { if (!source) return; if (video.paused) video.play().catch(() => {}); else video.pause(); };
    function follow() {
      const at = view().clipAt(still);
      if (player.loop && video.currentTime >= view().ends[at]) video.currentTime = view().starts[at] + 1e-3;
      else still = video.currentTime;
      player.moved();
      frame = video.paused ? 0 : requestAnimationFrame(follow);
    }
    video.addEventListener("play", () => { toggle.textContent = t("pause"); if (!frame) frame = requestAnimationFrame(follow); });
    video.addEventListener("pause", () => { toggle.textContent = t("play"); });
    video.addEventListener("seeked", () => { if (video.paused) { still = video.currentTime; player.moved(); } });
    const clip = (by) => { const { starts, clipAt, count } = view(), i = clipAt(player.at() + 2e-3) + by; player.goTo(starts[Math.min(Math.max(i, 0), count - 1)]); };
    const jump = (by) => {
      const { moments, starts, clipAt } = view(), i = clipAt(player.at() + 2e-3);
      const next = by > 0 ? moments.find((m) => m > i) : moments.findLast((m) => m < i);
      if (next !== undefined) player.goTo(starts[next]);
    };
    const nudge = (by) => { if (source) { video.pause(); player.goTo(video.currentTime + by * (routine.frame_s ?? 0.04)); } };
    const loop = h("input", { type: "checkbox", onchange: () => { player.loop = loop.checked; } });
    const speed = h("select", { "aria-label": t("speed"), onchange: () => { video.playbackRate = Number(speed.value); } },
      [0.25, 0.5, 0.75, 1].map((rate) => h("option", { value: rate, selected: rate === 1 }, `${rate}\u00d7`)));
    const labelled = (sign, key, action) => button(sign, action, { "aria-label": t(key), title: t(key) });
    player.keys = {
      " ": player.toggle, ArrowLeft: () => clip(-1), ArrowRight: () => clip(1), ArrowUp: () => jump(-1), ArrowDown: () => jump(1),
      ",": () => nudge(-1), ".": () => nudge(1), l: () => { loop.checked = player.loop = !player.loop; },
    };
    player.element = h("div", {}, video, choose, h("div", { class: "row screen" },
      labelled("\u00ab", "momentback", () => jump(-1)), labelled("\u2039", "clipback", () => clip(-1)),
      labelled("\u22121", "frameback", () => nudge(-1)), toggle, labelled("+1", "frameon", () => nudge(1)),
      labelled("\u203a", "clipon", () => clip(1)), labelled("\u00bb", "momenton", () => jump(1)),
      speed, h("label", {}, loop, t("loop"))), h("p", { class: "soft screen" }, t("keys")));
    if (source) load(source); else { video.hidden = true; toggle.disabled = true; }
    return player;
  }

  // ---- a routine ----
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
          h("dt", {}, t("version")), h("dd", {}, `aqa-pipeline ${report.version}`)),
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

  // ---- the page ----
  let rest = new Map();
  function complete() { for (const [section, index] of rest) fill(section, index); rest.clear(); }
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
    const several = report.routines.length !== 1;
    const sections = report.routines.map((routine, index) => h("section", { class: "waiting", id: `routine-${index}`, "data-routine": index }, h("h2", {}, routine.name)));
    rest = new Map(sections.map((section, index) => [section, index]));
    document.body.append(h("main", {},
      h("header", {}, h("h1", {}, several ? t("routines", { n: report.routines.length }) : t("report")), h("span", { class: "screen" }, choice)),
      several && report.routines.length ? ranking() : "", sections,
      report.failures.length ? h("section", { class: "failed" }, h("h2", {}, t("failed")), h("ul", {}, report.failures.map((each) => h("li", {}, each.error)))) : "",
      h("p", { class: "soft" }, `aqa-pipeline ${report.version}. ${t("verdict")}`)));
    const near = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting || !rest.has(target)) continue;
        near.unobserve(target);
        rest.delete(target);
        fill(target, Number(target.dataset.routine));
      }
    }, { rootMargin: "600px" });
    sections.forEach((section) => near.observe(section));
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
})();
