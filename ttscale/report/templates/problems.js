"use strict";
// The table of problems: sort, filter, and a click that shows answers and sample texts.
// Texts come from a model and are hostile: they are only ever set as textContent.

const PAGE_OF_ROWS = 200;
const LINE_LENGTH = 90;

// A row of data is [id, n, c, prompt, key, answers, examples]; its texts are places in the page's pool.
function problemTable(box, data, texts) {
  const text = (place) => (place < 0 ? null : texts[place]);
  const state = remembered(box.id, () => ({ find: "", show: "all", sort: null, ascending: true, limit: PAGE_OF_ROWS, open: new Set() }));
  const body = box.querySelector("tbody");
  const search = box.querySelector("input[type=search]");
  const select = box.querySelector("select");
  const shown = box.querySelector(".shown");
  const headings = Array.from(box.querySelectorAll("thead th"));
  const more = element("button", { type: "button", class: "quiet more" }, "Show more");
  const rows = data.map(([id, n, c, prompt, key, answers, examples]) => ({
    id, n, c, key: text(key),
    prompt: text(prompt),
    rate: n ? c / n : -1,
    top: answers.length ? answerText(text(answers[0][0])) : "",
    topIsRight: answers.length > 0 && answers[0][2],
    answers: answers.map(([answer, count, correct]) => [text(answer), count, correct]),
    examples: examples.map(([index, outcome, finish, completion]) => [index, text(outcome), text(finish), text(completion)]),
    words: `${id} ${text(prompt) || ""}`.toLowerCase(),
  }));
  const kept = {
    all: () => true,
    never: (row) => row.c === 0,
    some: (row) => row.c > 0 && row.c < row.n,
    always: (row) => row.c === row.n,
    outvoted: (row) => row.c > 0 && row.top !== "" && !row.topIsRight,
  };

  function refresh() {
    const wanted = state.find.trim().toLowerCase();
    const matching = rows.filter((row) => row.words.includes(wanted) && kept[state.show](row));
    if (state.sort) matching.sort((a, b) => (state.ascending ? 1 : -1) * compare(a[state.sort], b[state.sort]));
    body.replaceChildren(...matching.slice(0, state.limit).flatMap(drawnRow));
    more.hidden = matching.length <= state.limit;
    shown.textContent = `${matching.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} problems`;
    for (const heading of headings) {
      heading.removeAttribute("aria-sort");
      if (heading.dataset.sort === state.sort) heading.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
    }
  }

  function drawnRow(entry) {
    const row = element("tr", { class: "opens" });
    const open = element("button", { type: "button", class: "open" }, entry.id);
    const name = element("th", { scope: "row" });
    name.append(open);
    const rate = element("td", { class: "right rate" }, `${entry.n ? percentText(entry.rate) : "–"} `);
    rate.append(bar(Math.max(entry.rate, 0)));
    const answer = element("td", { class: "answer" });
    if (entry.top) answer.append(element("span", { class: entry.topIsRight ? "right-answer" : "wrong-answer" }, shortened(entry.top)));
    row.append(name, element("td", { class: "prompt" }, shortened(entry.prompt || "")),
      element("td", { class: "right" }, wholeText(entry.c)), element("td", { class: "right" }, wholeText(entry.n)), rate, answer);
    const nodes = [row];
    const mark = () => open.setAttribute("aria-expanded", String(state.open.has(entry.id)));
    const toggle = () => {
      if (state.open.delete(entry.id)) nodes.pop().remove();
      else {
        state.open.add(entry.id);
        nodes.push(detailRow(entry, row.cells.length));
        row.after(nodes[1]);
      }
      mark();
    };
    row.addEventListener("click", () => { if (!String(getSelection())) toggle(); });
    if (state.open.has(entry.id)) nodes.push(detailRow(entry, row.cells.length));
    mark();
    return nodes;
  }

  for (const heading of headings) {
    const button = element("button", { type: "button" }, heading.textContent.trim());
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      state.ascending = state.sort === heading.dataset.sort ? !state.ascending : true;
      state.sort = heading.dataset.sort;
      refresh();
    });
  }
  search.value = state.find;
  select.value = state.show;
  more.addEventListener("click", () => { state.limit += PAGE_OF_ROWS; refresh(); });
  search.addEventListener("input", () => { state.find = search.value; refresh(); });
  select.addEventListener("change", () => { state.show = select.value; refresh(); });
  box.append(more);
  box.querySelector(".controls").hidden = false;
  refresh();
}

const answerText = (answer) => (answer === null ? "no answer" : answer);
const compare = (a, b) =>
  typeof a === "number" ? a - b : String(a || "").localeCompare(String(b || ""), "en", { numeric: true });

function shortened(text) {
  const line = text.slice(0, 8 * LINE_LENGTH).split(/\s+/).join(" ").trim();
  return line.length <= LINE_LENGTH ? line : `${line.slice(0, LINE_LENGTH - 1).trimEnd()}…`;
}

function bar(share) {
  const node = drawing("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
  node.append(drawing("rect", { class: "track", width: 100, height: 8 }), drawing("rect", { class: "fill", width: 100 * share, height: 8 }));
  return node;
}

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
    row.insertCell().append(element("span", { class: correct ? "right-answer" : "wrong-answer" }, answerText(answer)));
    row.append(element("td", { class: "right" }, count.toLocaleString("en")));
    row.insertCell().append(bar(count / most));
  }
  return table;
}

function untrusted(text) {
  return element("pre", { class: "untrusted", dir: "auto", tabindex: "0" }, text);
}
