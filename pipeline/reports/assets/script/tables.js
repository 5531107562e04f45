// Tables.
function table(label, columns, rows, onRow) {
  const body = h("tbody"), order = { column: -1, up: true };
  const elements = rows.map((row, index) => {
    const element = h("tr", onRow ? { "data-clip": index } : {}, row.map((cell, i) =>
      h("td", { class: columns[i].text && "text" }, cell.node ?? cell.shown)));
    if (onRow) element.addEventListener("click", (event) => { if (!event.target.closest("button, a")) onRow(index); });
    return element;
  });
  body.append(...elements);
  const heads = columns.map((column, i) => h("th", { scope: "col", class: column.text && "text" }, button(column.label, () => {
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
