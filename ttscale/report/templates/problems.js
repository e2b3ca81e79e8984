"use strict";
// The table of problems: sort, filter, and a click that shows answers and samples.
// Texts come from a model and are hostile: they are only ever set as textContent.

const PAGE_OF_ROWS = 200;
const LINE_LENGTH = 90;

// A row of data is [id, n, c, rest of the prompt, key, answers]; its texts are places in the page's pool.
function problemTable(box, data, texts) {
  const cell = box.dataset.table.replace(/-table$/, "");
  const text = (place) => (place < 0 ? null : texts[place]);
  const state = remembered(box.id, () => ({
    find: address.get(`${cell}.find`) || "", show: address.get(`${cell}.show`) || "all",
    sort: address.get(`${cell}.sort`) || null, ascending: address.get(`${cell}.order`) !== "down",
    limit: PAGE_OF_ROWS, open: new Set(), at: null,
  }));
  const body = box.querySelector("tbody");
  const search = box.querySelector("input[type=search]");
  const select = box.querySelector("select");
  const shown = box.querySelector(".shown");
  const headings = Array.from(box.querySelectorAll("thead th"));
  const more = element("button", { type: "button", class: "quiet more" }, "Show more");
  const rows = data.rows.map(([id, n, c, prompt, key, answers], row) => ({
    id, n, c, row, cell, key: text(key), shared: text(data.shared),
    prompt: text(prompt),
    rate: n ? c / n : -1,
    top: answers.length ? answerText(text(answers[0][0])) : "",
    topIsRight: answers.length > 0 && answers[0][2],
    answers: answers.map(([answer, count, correct]) => [text(answer), count, correct]),
    words: `${id} ${text(prompt) || ""}`.toLowerCase(),
  }));
  const kept = {
    all: () => true,
    never: (row) => row.c === 0,
    some: (row) => row.c > 0 && row.c < row.n,
    always: (row) => row.c === row.n,
    outvoted: (row) => row.c > 0 && row.top !== "" && !row.topIsRight,
  };

  if (!(state.show in kept)) state.show = "all";
  if (!headings.some((heading) => heading.dataset.sort === state.sort)) state.sort = null;
  let matching = rows;
  const drawn = new Map(); // id -> how to open and close its row

  function refresh() {
    const wanted = state.find.trim().toLowerCase();
    matching = rows.filter((row) => row.words.includes(wanted) && kept[state.show](row));
    if (state.sort) matching.sort((a, b) => (state.ascending ? 1 : -1) * compare(a[state.sort], b[state.sort]));
    drawn.clear();
    body.replaceChildren(...matching.slice(0, state.limit).flatMap(drawnRow));
    for (const [name, value] of [["find", state.find], ["show", state.show === "all" ? "" : state.show],
      ["sort", state.sort], ["order", state.sort && !state.ascending ? "down" : ""]]) keep(`${cell}.${name}`, value);
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
      if (state.open.delete(entry.id)) {
        nodes.pop().remove();
        if (state.at === entry.id) state.at = null;
      } else {
        state.open.add(entry.id);
        state.at = entry.id;
        nodes.push(detailRow(entry, row.cells.length));
        row.after(nodes[1]);
      }
      keep(`${cell}.problem`, state.at, state.at !== null);
      mark();
    };
    drawn.set(entry.id, { toggle, row, open });
    row.addEventListener("click", () => { if (!String(getSelection())) toggle(); });
    if (state.open.has(entry.id)) nodes.push(detailRow(entry, row.cells.length));
    mark();
    return nodes;
  }

  // Opens the problem that comes so many places after the one at hand, and closes that one.
  function step(by) {
    const now = matching.findIndex((row) => row.id === state.at);
    const next = matching[now < 0 ? (by > 0 ? 0 : matching.length - 1) : now + by];
    if (!next) return;
    if (now >= 0) drawn.get(state.at).toggle();
    goTo(next.id);
  }

  function goTo(id) {
    const position = matching.findIndex((row) => row.id === id);
    if (position < 0) return;
    if (position >= state.limit) {
      state.limit = PAGE_OF_ROWS * Math.ceil((position + 1) / PAGE_OF_ROWS);
      refresh();
    }
    const { toggle, row, open } = drawn.get(id);
    if (!state.open.has(id)) toggle();
    open.focus({ preventScroll: true });
    row.scrollIntoView({ block: "start", behavior: "instant" });
  }

  box.addEventListener("keydown", (event) => {
    const by = { j: 1, k: -1 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select")) return;
    event.preventDefault();
    step(by);
  });

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
  const controls = box.querySelector(".controls");
  if (!controls.querySelector(".download")) shown.before(downloadButton("CSV", `${cell}-problems.csv`, () => csvText([
    ["problem_id", "n", "c", "success_rate", "most_frequent_answer", "is_correct"],
    ...matching.map((row) => [row.id, row.n, row.c, row.n ? row.c / row.n : null, row.top, row.top ? row.topIsRight : null]),
  ])));
  controls.hidden = false;
  refresh();
  opened.set(cell, goTo);
  if (state.at === null && address.get(`${cell}.problem`)) goTo(address.get(`${cell}.problem`));
}

const opened = new Map(); // cell -> what opens a problem of it

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
  if (data.prompt !== null) add(element("p", { class: "label" }, "Prompt"));
  if (data.shared !== null) {
    const fold = element("details", { class: "beginning" });
    fold.append(element("summary", {}, `The beginning that all prompts share (${wholeText(data.shared.length)} characters)`), untrusted(data.shared));
    add(fold);
  }
  if (data.prompt !== null) add(untrusted(data.prompt));
  if (data.key !== null) add(element("p", { class: "label" }, "Answer key"), untrusted(data.key));
  if (data.answers.length) add(element("p", { class: "label" }, "Most frequent answers"), answersTable(data.answers));
  const samples = element("div", { class: "explorer" });
  add(element("p", { class: "label" }, "All samples"), samples, element("p", { class: "fine keys" }, "Keys: j and k go to the next problem and the one before."));
  sampleExplorer(samples, data.cell, data.row, data.id);
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
