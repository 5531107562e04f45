// What every part of the page uses. Everything shown is set as text, never as markup.
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
