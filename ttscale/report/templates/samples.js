"use strict";
// The samples of one problem: filters, the answer marked in each text, correct ones beside the others.
// Texts come from a model and are hostile: they are only ever set as textContent.

const SAMPLES_AT_ONCE = 6;
const OUTCOMES = ["correct", "incorrect", "no answer", "timeout", "scored", "error"]; // as in ttscale.types.Outcome
const NOT_JUDGED = "not judged";
const outcomeOf = (digit) => OUTCOMES[digit] || NOT_JUDGED;

// Samples come packed in the page, or from the server of a live one.
async function samplesOf(cell, row) {
  const shelf = readData(`${cell}-samples`);
  const columns = shelf.packed.length ? await unpacked(shelf.packed[row]) : await served_samples(cell, row);
  const [texts = [], cut, tokens, answers, outcomes, indices, alike] = columns;
  return texts.map((text, i) => ({
    text, cut: cut[i], tokens: tokens[i], answer: answers[i] === 0 ? text : answers[i],
    outcomes: Array.from(outcomes[i], outcomeOf), indices: indices[i], alike: alike[i],
    length: tokens[i] === null ? text.length : tokens[i],
  }));
}

async function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

async function served_samples(cell, row) {
  const answer = await fetch(`samples?cell=${encodeURIComponent(cell)}&row=${row}`, { cache: "no-store" });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

// Fills a box with the samples of a problem; `name` is the problem's place in the address.
function sampleExplorer(box, cell, row, problem) {
  const { verifiers } = readData(`${cell}-samples`);
  const state = remembered(`${cell}.${problem}`, () => ({
    verifier: 0, outcome: address.get(`${cell}.outcome`) || "", answer: address.has(`${cell}.answer`) ? address.get(`${cell}.answer`) : null,
    least: address.get(`${cell}.least`) || "", most: address.get(`${cell}.most`) || "",
    beside: address.get(`${cell}.beside`) !== "no", limit: SAMPLES_AT_ONCE,
  }));
  state.verifier = Math.max(0, verifiers.indexOf(address.get(`${cell}.verifier`)));
  const list = element("div", { class: "samples" });
  const told = element("span", { class: "shown", role: "status" });
  box.replaceChildren(element("p", { class: "fine" }, "Reading the samples …"));
  samplesOf(cell, row).then((samples) => {
    box.replaceChildren(controls(samples), list);
    refresh(samples);
  }, (error) => box.replaceChildren(element("p", { class: "fine" }, `The samples could not be read. ${error.message}`)));

  function controls(samples) {
    const bar = element("div", { class: "controls", role: "group", "aria-label": "Which samples" });
    const change = (act) => (event) => { act(event.target.value); state.limit = SAMPLES_AT_ONCE; keepState(); refresh(samples); };
    const counts = new Map();
    for (const one of samples) counts.set(one.answer, (counts.get(one.answer) || 0) + one.alike);
    const answers = Array.from(counts).sort((a, b) => b[1] - a[1]);
    bar.append(
      chooser("Outcome", [["", "any"], ...[...OUTCOMES, NOT_JUDGED].map((name) => [name, name])], state.outcome, change((value) => { state.outcome = value; })),
      chooser("by", verifiers.map((name, i) => [String(i), i ? name : `${name} (oracle)`]), String(state.verifier), change((value) => { state.verifier = Number(value); })),
      chooser("Answer", [["", "any"], ...answers.slice(0, 200).map(([answer, n]) => [answerKey(answer), `${shortened(answerText(answer)) || "(empty)"} (${wholeText(n)})`])],
        state.answer === null ? "" : state.answer, change((value) => { state.answer = value === "" ? null : value; })),
      bound("at least", state.least, change((value) => { state.least = value; })),
      bound("at most", state.most, change((value) => { state.most = value; })),
      element("span", {}, samples.some((one) => one.tokens !== null) ? "tokens" : "characters"),
    );
    const beside = element("button", { type: "button", class: "quiet", "aria-pressed": String(state.beside) }, "correct beside the others");
    beside.addEventListener("click", () => {
      state.beside = !state.beside;
      beside.setAttribute("aria-pressed", String(state.beside));
      keepState();
      refresh(samples);
    });
    bar.append(beside, downloadButton("JSONL", `samples-${problem.replace(/[^\w.-]+/g, "-").slice(0, 60)}.jsonl`, () => jsonLines(samples.filter(matches))), told);
    return bar;
  }

  function jsonLines(samples) {
    return samples.map((one) => JSON.stringify({
      problem_id: problem, first_sample_indices: one.indices, alike: one.alike, completion: one.text, completion_tokens: one.tokens,
      cut_off: Boolean(one.cut), answer: one.answer, outcomes: Object.fromEntries(verifiers.map((name, i) => [name, one.outcomes[i]])),
    }) + "\n").join("");
  }

  function keepState() {
    keep(`${cell}.outcome`, state.outcome);
    keep(`${cell}.verifier`, state.verifier ? verifiers[state.verifier] : "");
    if (state.answer === null) keep(`${cell}.answer`, null);
    else keep(`${cell}.answer`, state.answer);
    keep(`${cell}.least`, state.least);
    keep(`${cell}.most`, state.most);
    keep(`${cell}.beside`, state.beside ? "" : "no");
  }

  function matches(one) {
    return (!state.outcome || one.outcomes[state.verifier] === state.outcome)
      && (state.answer === null || answerKey(one.answer) === state.answer)
      && (!state.least || one.length >= Number(state.least)) && (!state.most || one.length <= Number(state.most));
  }

  function refresh(samples) {
    const matching = samples.filter(matches);
    const drawn = (some) => some.slice(0, state.limit).map((one) => drawnSample(one, verifiers));
    const right = matching.filter((one) => one.outcomes[0] === "correct");
    const other = matching.filter((one) => one.outcomes[0] !== "correct");
    const paired = state.beside && right.length && other.length;
    list.classList.toggle("beside", Boolean(paired));
    if (paired) list.replaceChildren(sampleColumn("Correct", right, drawn(right)), sampleColumn("Not correct", other, drawn(other)));
    else list.replaceChildren(...drawn(matching));
    const longest = paired ? Math.max(right.length, other.length) : matching.length;
    if (longest > state.limit) {
      const more = element("button", { type: "button", class: "quiet more" }, "Show more samples");
      more.addEventListener("click", () => { state.limit *= 3; refresh(samples); });
      list.append(more);
    }
    const total = (some) => some.reduce((sum, one) => sum + one.alike, 0);
    told.textContent = `${wholeText(total(matching))} of ${wholeText(total(samples))} samples, ${wholeText(matching.length)} of them distinct`;
  }
}

// Options are texts: an answer that is none must differ from the answer "".
const answerKey = (answer) => (answer === null ? "none" : `=${answer}`);

function chooser(label, options, chosen, act) {
  const select = element("select");
  for (const [value, text] of options) select.append(element("option", { value }, text));
  select.value = chosen;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  select.addEventListener("change", act);
  const node = element("label", {}, `${label} `);
  node.append(select);
  return node;
}

function bound(label, value, act) {
  const input = element("input", { type: "number", min: "0", inputmode: "numeric", class: "bound" });
  input.value = value;
  input.addEventListener("input", act);
  const node = element("label", {}, `${label} `);
  node.append(input);
  return node;
}

function sampleColumn(title, samples, drawn) {
  const column = element("div", { class: "column-of-samples" });
  const n = samples.reduce((sum, one) => sum + one.alike, 0);
  column.append(element("p", { class: "label" }, `${title}: ${wholeText(n)}`), ...drawn);
  return column;
}

function drawnSample(one, verifiers) {
  const node = element("article", { class: "sample" });
  const meta = element("p", { class: "meta" });
  const alike = one.alike > one.indices.length ? ` and ${wholeText(one.alike - one.indices.length)} more alike` : "";
  meta.append(`sample ${one.indices.join(", ")}${alike} · `);
  verifiers.forEach((name, i) => {
    if (i) meta.append(` · ${name}: `);
    meta.append(element("b", { class: one.outcomes[i] === "correct" ? "correct" : "" }, one.outcomes[i]));
  });
  if (one.answer !== null && one.answer !== one.text) meta.append(" · answer ", element("b", {}, shortened(one.answer)));
  if (one.tokens !== null) meta.append(` · ${wholeText(one.tokens)} tokens`);
  if (one.cut) meta.append(" · cut off at the token limit");
  node.append(meta, marked(one.text, one.answer));
  return node;
}

// The text with its answer marked where it stands last: there it was read off.
function marked(text, answer) {
  const found = answer === null || answer === "" || answer === text ? null : lastPlace(text, answer);
  const node = untrusted(found ? text.slice(0, found.start) : text);
  if (found) node.append(element("mark", {}, text.slice(found.start, found.stop)), text.slice(found.stop));
  return node;
}

function lastPlace(text, answer) {
  if (answer.length > 200) return null;
  // An answer is stored without the commas, dollars and blanks that it may have had in the text.
  const letters = Array.from(answer.replace(/\s+/g, ""), (letter) => letter.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const within = /^-?\d/.test(answer) ? "[,\\s]?" : "\\s*";
  const edge = (letter) => (/[0-9]/.test(letter) ? "[\\d.,]?" : "");
  let last = null;
  for (const match of text.matchAll(new RegExp(letters.join(within), "g"))) {
    const before = text.slice(Math.max(0, match.index - 1), match.index);
    const after = text.slice(match.index + match[0].length, match.index + match[0].length + 1);
    const splits = (edge(answer[0]) && /\d/.test(before)) || (edge(answer.at(-1)) && /\d/.test(after));
    if (!splits) last = { start: match.index, stop: match.index + match[0].length };
  }
  return last;
}
