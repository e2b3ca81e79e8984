"use strict";
// The table of problems: sort, filter, and a click that shows answers and sample texts.
// Texts come from a model and are hostile: they are only ever set as textContent.

const PAGE_OF_ROWS = 200;

function problemTable(box, details) {
  const body = box.querySelector("tbody");
  const rows = Array.from(body.rows, (row, index) => ({
    row,
    detail: null,
    text: (row.cells[0].textContent + " " + (details[index].prompt || "")).toLowerCase(),
    data: details[index],
  }));
  const search = box.querySelector("input[type=search]");
  const select = box.querySelector("select");
  const shown = box.querySelector(".shown");
  const more = element("button", { type: "button", class: "quiet more" }, "Show more");
  let limit = PAGE_OF_ROWS;

  function refresh() {
    const wanted = search.value.trim().toLowerCase();
    const matching = rows.filter(
      (entry) =>
        entry.text.includes(wanted) && (select.value === "all" || entry.row.dataset.solved === select.value),
    );
    const visible = new Set(matching.slice(0, limit));
    for (const entry of rows) {
      entry.row.hidden = !visible.has(entry);
      if (entry.detail) entry.detail.hidden = entry.row.hidden || !isOpen(entry);
    }
    more.hidden = matching.length <= limit;
    shown.textContent = `${matching.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} problems`;
  }

  function sortBy(heading, column) {
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of box.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const compare = heading.dataset.sort === "number" ? byNumber : byText;
    rows.sort((a, b) => (ascending ? 1 : -1) * compare(a.row.cells[column], b.row.cells[column]));
    const ordered = document.createDocumentFragment();
    for (const entry of rows) ordered.append(entry.row, ...(entry.detail ? [entry.detail] : []));
    body.append(ordered);
    refresh();
  }

  function toggle(entry) {
    const open = !isOpen(entry);
    entry.button.setAttribute("aria-expanded", String(open));
    if (!entry.detail) {
      entry.detail = detailRow(entry.data, entry.row.cells.length);
      entry.row.after(entry.detail);
    }
    entry.detail.hidden = !open;
  }

  for (const [column, heading] of Array.from(box.querySelectorAll("thead th")).entries()) {
    const button = element("button", { type: "button" }, heading.textContent.trim());
    heading.replaceChildren(button);
    button.addEventListener("click", () => sortBy(heading, column));
  }
  for (const entry of rows) {
    const name = entry.row.cells[0];
    entry.button = element("button", { type: "button", class: "open", "aria-expanded": "false" }, name.textContent.trim());
    name.replaceChildren(entry.button);
    entry.row.classList.add("opens");
    entry.row.addEventListener("click", () => {
      if (!String(getSelection())) toggle(entry);
    });
  }
  more.addEventListener("click", () => { limit += PAGE_OF_ROWS; refresh(); });
  search.addEventListener("input", refresh);
  select.addEventListener("change", refresh);
  box.append(more);
  box.querySelector(".controls").hidden = false;
  refresh();
}

const isOpen = (entry) => entry.button.getAttribute("aria-expanded") === "true";
const byNumber = (a, b) => Number(a.dataset.value) - Number(b.dataset.value);
const byText = (a, b) => a.textContent.trim().localeCompare(b.textContent.trim(), "en", { numeric: true });

function detailRow(data, columns) {
  const cell = element("td", { colspan: columns });
  const add = (...nodes) => cell.append(...nodes);
  if (data.prompt !== null) add(element("p", { class: "label" }, "Prompt"), untrusted(data.prompt));
  if (data.key !== null) add(element("p", { class: "label" }, "Answer key"), untrusted(data.key));
  if (data.answers.length) add(element("p", { class: "label" }, "Most frequent answers"), answersTable(data.answers));
  if (data.examples.length) add(element("p", { class: "label" }, "Some of the samples"));
  for (const [index, outcome, finish, completion] of data.examples) {
    const meta = element("p", { class: "meta" });
    const judged = element("b", { class: outcome === "correct" ? "correct" : "" }, String(outcome).replace("_", " "));
    meta.append(`sample ${index} · `, judged, finish === "length" ? " · cut off at the token limit" : "");
    add(meta, untrusted(completion || ""));
  }
  const row = element("tr", { class: "detail" });
  row.append(cell);
  return row;
}

function answersTable(answers) {
  const table = element("table", { class: "answers" });
  const most = Math.max(...answers.map(([, count]) => count));
  for (const [answer, count, correct] of answers) {
    const row = table.insertRow();
    const word = element("span", { class: correct ? "right-answer" : "wrong-answer" }, answer === null ? "no answer" : answer);
    row.insertCell().append(word);
    const size = element("td", { class: "right" }, count.toLocaleString("en"));
    row.append(size);
    const bar = drawing("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
    bar.append(drawing("rect", { class: "fill", width: (100 * count) / most, height: 8 }));
    row.insertCell().append(bar);
  }
  return table;
}

function untrusted(text) {
  return element("pre", { class: "untrusted", dir: "auto", tabindex: "0" }, text);
}
