// Two small charts in SVG: curves over budgets k, and a histogram. Everything is drawn from the JSON beside the
// chart; words are set as textContent, looks come from classes in report.css.

const COLORS = 7;
const SVG = "http://www.w3.org/2000/svg";

const renewed = new Map(); // data that came later than the page

function readData(id) {
  return renewed.get(id) || JSON.parse(document.getElementById(id).textContent);
}

function element(name, attributes = {}, text = null) {
  return withAttributes(document.createElement(name), attributes, text);
}

function drawing(name, attributes = {}, text = null) {
  return withAttributes(document.createElementNS(SVG, name), attributes, text);
}

function withAttributes(node, attributes, text) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== null) node.textContent = text;
  return node;
}

// ---------------------------------------------------------------- scales

function logScale(low, high, from, to) {
  const span = Math.log(high / low) || 1;
  return (value) => from + ((to - from) * Math.log(value / low)) / span;
}

function linearScale(low, high, from, to) {
  return (value) => from + ((to - from) * (value - low)) / (high - low || 1);
}

function logTicks(low, high) {
  const ticks = [];
  const base = high / low >= 10 ? 10 : 2;
  // Under two decades, 2 and 5 help to read between the powers of ten.
  const steps = high / low >= 10 && high / low < 100 ? [1, 2, 5] : [1];
  for (let power = base ** Math.floor(Math.log(low) / Math.log(base)); power <= high * (1 + 1e-9); power *= base) {
    for (const step of steps) ticks.push(power * step);
  }
  return ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
}

function linearTicks(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9));
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9); i += 1) ticks.push(i * step || 0); // never -0
  return ticks;
}

function roomy(ticks, most) {
  const step = Math.ceil(ticks.length / Math.max(most, 2));
  return ticks.filter((_, i) => i % step === 0);
}

// What a curve's name means, for a reader who points at it; names such as "best by exact" begin with a term.
function explanation(label) {
  const terms = readData("terms");
  return terms[Object.keys(terms).find((term) => label === term || label.startsWith(`${term} `))] || null;
}

// ---------------------------------------------------------------- choices

// What the reader chose, by the id of a chart or table: it outlives a redrawn or replaced section.
const chosen = new Map();

function remembered(id, initial) {
  if (!chosen.has(id)) chosen.set(id, initial());
  return chosen.get(id);
}

// ---------------------------------------------------------------- curves

const DASHES = 4;
const MOST_BANDS = 3; // of cells: more of them over each other hide the curves
const MOST_IN_TIP = 14;
const SAMPLES = "samples";

const styleOf = (item) => `c${item.color % COLORS} d${item.dash % DASHES}`;
const lineClass = (line) => `line ${line.style === "measured" ? "" : line.style}`.trim();

function curvesChart(box, data) {
  const curveNames = Array.from(new Set(data.lines.map((line) => line.curve)));
  const overlay = data.cells.length > 0;
  const cellNames = data.cells.map((cell) => cell.label);
  const usual = { unit: data.unit || SAMPLES, hiddenCurves: overlay ? curveNames.slice(1) : [] };
  const linked = (name) => address.get(`${box.id}.${name}`);
  const namesAt = (places, names) => places.split(",").map((one) => names[Number(one)]).filter((one) => one !== undefined);
  const state = remembered(box.id, () => ({
    logX: linked("x") !== "linear", logY: linked("y") === "log", unit: linked("unit") || usual.unit,
    hiddenCells: new Set(namesAt(linked("without") || "", linked("without") ? cellNames : [])),
    hiddenCurves: new Set(linked("hidden") === undefined ? usual.hiddenCurves : namesAt(linked("hidden"), curveNames)),
  }));
  let cursor = null;
  let spotlight = null; // the cell that the reader points at in the legend
  let view = null;
  const plot = drawing("svg", { class: "plot", role: "img", tabindex: "0" });
  plot.setAttribute("aria-label", box.dataset.label + ". Arrow keys move along the budgets.");
  const tip = element("div", { class: "tip" });
  const spoken = element("p", { class: "hidden", role: "status" });
  tip.hidden = true;

  // What stands on the x axis: samples, or what they cost, which differs between cells.
  const units = Object.keys(data.lines[0].costs).filter((unit) => data.lines.every((line) => unit in line.costs));
  if (!units.includes(state.unit)) state.unit = SAMPLES;
  const price = (line, unit, k) => {
    const [fixed, each, perRequest = 0, requestSize = 1] = line.costs[unit];
    return fixed + each * k + perRequest * Math.ceil(k / requestSize);
  };
  const cost = (line, k) => (state.unit === SAMPLES ? k : price(line, state.unit, k));
  const oneCost = () => new Set(data.lines.map((line) => `${cost(line, 1)} ${cost(line, 2)}`)).size === 1;
  const cellOf = (line) => (overlay ? data.cells[line.cell] : null);
  const shown = () => data.lines.filter((line) =>
    !state.hiddenCurves.has(line.curve) && !(overlay && state.hiddenCells.has(cellOf(line).label)));
  const nameOf = (line) => {
    if (!overlay) return line.label;
    const curves = new Set(shown().map((one) => one.curve));
    return curves.size === 1 ? cellOf(line).label : `${cellOf(line).label}, ${line.label}`;
  };
  // A linear axis would give most of its width to the extrapolation: there it ends with the data.
  const reaches = (line, k) => state.logX || k <= line.measuredK;
  const stops = () => {
    const all = shown().flatMap((line) => line.k.filter((k) => reaches(line, k)).map((k) => cost(line, k)));
    return Array.from(new Set(all)).sort((a, b) => a - b);
  };

  // ---- what the reader can switch

  function toggle(label, isOn, act, sign = null) {
    const says = explanation(label);
    const key = element("button", { type: "button", class: "key", ...(says ? { "data-says": says, "aria-description": says } : { title: label }) });
    if (sign) key.append(sign);
    key.append(element("span", {}, label));
    const mark = () => key.setAttribute("aria-pressed", String(isOn()));
    key.addEventListener("click", (event) => { act(event); refresh(); });
    keys.push(mark);
    return key;
  }

  function sample(item, classes) {
    const sign = drawing("svg", { class: styleOf(item), viewBox: "0 0 24 10", "aria-hidden": "true" });
    sign.append(drawing("path", { class: classes, d: "M1 5H23" }));
    return sign;
  }

  const flip = (set, item) => { if (!set.delete(item)) set.add(item); };
  const keys = [];
  const legend = element("div", { class: overlay ? "legend kinds" : "legend", role: "group", "aria-label": "Curves shown" });
  for (const name of curveNames) {
    const line = data.lines.find((one) => one.curve === name);
    legend.append(toggle(name, () => !state.hiddenCurves.has(name), () => flip(state.hiddenCurves, name),
      overlay ? null : sample(line, lineClass(line))));
  }
  const cellLegend = element("div", { class: "legend cells", role: "group", "aria-label": "Cells shown" });
  for (const cell of data.cells) {
    const only = () => { state.hiddenCells = new Set(data.cells.filter((one) => one !== cell).map((one) => one.label)); };
    const key = toggle(cell.label, () => !state.hiddenCells.has(cell.label),
      (event) => (event.shiftKey ? only() : flip(state.hiddenCells, cell.label)), sample(cell, "line"));
    key.title = `${cell.label} (with Shift: this one only)`;
    for (const [event, target] of [["pointerenter", cell], ["focus", cell], ["pointerleave", null], ["blur", null]]) {
      key.addEventListener(event, () => { spotlight = target; draw(); });
    }
    cellLegend.append(key);
  }
  if (data.cells.length > 1) {
    for (const [label, hidden] of [["all", []], ["none", data.cells.map((cell) => cell.label)]]) {
      const button = element("button", { type: "button", class: "whole" }, label);
      button.addEventListener("click", () => { state.hiddenCells = new Set(hidden); refresh(); });
      cellLegend.append(button);
    }
  }
  const switches = element("div", { class: "switches", role: "group", "aria-label": "Axes" });
  for (const [label, name] of [["log x", "logX"], ["log y", "logY"]]) {
    const button = element("button", { type: "button", class: "switch" }, label);
    button.dataset.switch = name;
    button.addEventListener("click", () => { state[name] = !state[name]; leave(); refresh(); });
    keys.push(() => button.setAttribute("aria-pressed", String(state[name])));
    switches.append(button);
  }
  if (units.length) {
    const select = element("select", { "aria-label": "What stands on the x axis", class: "unit" });
    for (const unit of [SAMPLES, ...units]) select.append(element("option", { value: unit }, `in ${unit}`));
    select.value = state.unit;
    select.addEventListener("change", () => { state.unit = select.value; leave(); refresh(); });
    switches.append(select);
  }

  switches.append(downloadButton("CSV", `${box.id}.csv`, () => csvText(curveRows(shown(), data.cells))));

  function refresh() {
    for (const mark of keys) mark();
    keepView();
    draw();
  }

  function keepView() {
    const places = (hidden, names) => names.flatMap((name, i) => (hidden.has(name) ? [i] : [])).join(",");
    const hidden = places(state.hiddenCurves, curveNames);
    keep(`${box.id}.x`, state.logX ? null : "linear");
    keep(`${box.id}.y`, state.logY ? "log" : null);
    keep(`${box.id}.unit`, state.unit === usual.unit ? null : state.unit);
    keep(`${box.id}.without`, places(state.hiddenCells, cellNames));
    keep(`${box.id}.hidden`, hidden === places(new Set(usual.hiddenCurves), curveNames) ? null : hidden || "none");
  }

  // ---- drawing

  function makeView() {
    const width = Math.max(box.clientWidth, 280);
    const height = Math.round(Math.max(270, Math.min(430, 0.48 * width)));
    const frame = { left: 46, right: width - 22, top: 14, bottom: height - 44 };
    const ends = stops();
    const xLow = ends[0] || 1;
    const xHigh = Math.max(ends[ends.length - 1] || 1, xLow * 1.01);
    const tops = shown().flatMap((line) => line.high.concat(line.value)).filter((value) => value !== null);
    const positive = shown().flatMap((line) => line.value).filter((value) => value > 1e-5);
    const top = Math.max(0, ...tops);
    const yHigh = state.logY ? 1 : top > 0.6 ? 1 : Math.max(1.1 * top, 0.01);
    const yLow = state.logY ? Math.min(0.5, 0.8 * Math.min(1, ...positive)) : 0;
    const xScale = (state.logX ? logScale : linearScale)(state.logX ? xLow : 0, xHigh, frame.left, frame.right);
    const yScale = (state.logY ? logScale : linearScale)(yLow, yHigh, frame.bottom, frame.top);
    return {
      width, height, frame, xLow, xHigh, yLow, yHigh,
      x: xScale,
      y: (value) => yScale(Math.min(Math.max(value, yLow), yHigh)),
    };
  }

  function draw() {
    view = makeView();
    plot.setAttribute("viewBox", `0 0 ${view.width} ${view.height}`);
    plot.setAttribute("height", view.height);
    const lines = shown();
    plot.replaceChildren(...axes(), ...lines.toReversed().flatMap((line) => curve(line, lines.length)));
    if (cursor !== null) point(cursor);
  }

  function axes() {
    const { frame } = view;
    const nodes = [];
    const yTicks = state.logY ? logTicks(view.yLow, view.yHigh) : linearTicks(view.yLow, view.yHigh, 5);
    for (const tick of yTicks) {
      const y = view.y(tick);
      nodes.push(drawing("line", { class: "gridline", x1: frame.left, x2: frame.right, y1: y, y2: y }));
      nodes.push(drawing("text", { x: frame.left - 8, y: y + 4, "text-anchor": "end" }, percentText(Number(tick.toPrecision(4))).replace(".0%", "%")
        .replace(".0%", "%")));
    }
    nodes.push(drawing("line", { class: "axisline", x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom }));
    const xTicks = state.logX ? logTicks(view.xLow, view.xHigh) : linearTicks(0, view.xHigh, view.width < 500 ? 4 : 7);
    const widest = Math.max(...xTicks.map((tick) => amountText(tick).length));
    for (const tick of roomy(xTicks, Math.floor((frame.right - frame.left) / (7.2 * widest + 16)))) {
      const x = view.x(tick);
      const anchor = x + 3.6 * amountText(tick).length > view.width ? "end" : "middle";
      nodes.push(drawing("line", { class: "axisline", x1: x, x2: x, y1: frame.bottom, y2: frame.bottom + 4 }));
      nodes.push(drawing("text", { x: anchor === "end" ? view.width - 2 : x, y: frame.bottom + 19, "text-anchor": anchor }, amountText(tick)));
    }
    const name = state.unit === SAMPLES ? "samples per problem, k" : `${state.unit} per problem`;
    nodes.push(drawing("text", { x: (frame.left + frame.right) / 2, y: frame.bottom + 38, "text-anchor": "middle" }, name));
    if (data.measuredK && shown().some((line) => line.k.some((k) => reaches(line, k) && k > data.measuredK))) nodes.push(...limit());
    return nodes;
  }

  function limit() {
    const { frame } = view;
    const x = view.x(cost(data.lines[0], data.measuredK));
    return [
      drawing("line", { class: "limit", x1: x, x2: x, y1: frame.top, y2: frame.bottom }),
      drawing("text", { x: x - 6, y: frame.top + 9, "text-anchor": "end" }, "← measured"),
    ];
  }

  function curve(line, nShown) {
    const points = line.k.map((k, i) => ({ k, value: line.value[i], low: line.low[i], high: line.high[i] }))
      .filter((p) => p.value !== null && reaches(line, p.k) && !(state.logY && p.value <= 1e-5));
    const group = drawing("g", { class: styleOf(line) });
    const path = (edge) => points.map((p) => `${view.x(cost(line, p.k)).toFixed(1)} ${view.y(p[edge]).toFixed(1)}`);
    if (!points.length) return [];
    const lit = spotlight !== null && cellOf(line) === spotlight;
    if (spotlight !== null && !lit) group.classList.add("dim");
    if (overlay && line.curve !== curveNames[0]) group.classList.add("second");
    if ((!overlay || nShown <= MOST_BANDS || lit) && points.every((p) => p.low !== null && p.high !== null)) {
      const outline = path("high").concat(path("low").reverse());
      group.append(drawing("path", { class: `band ${line.style}`, d: `M${outline.join("L")}Z` }));
    }
    group.append(drawing("path", { class: lineClass(line), d: `M${path("value").join("L")}` }));
    if (points.length === 1) group.append(drawing("circle", { class: "dot", cx: view.x(cost(line, points[0].k)), cy: view.y(points[0].value), r: 4.5 }));
    group.dataset.label = line.label;
    return [group];
  }

  // ---- the cursor: the values of every shown curve at one place of the x axis

  function point(place) {
    cursor = place;
    plot.querySelectorAll(".cursor").forEach((node) => node.remove());
    const x = view.x(place);
    const group = drawing("g", { class: "cursor" });
    group.append(drawing("line", { class: "crosshair", x1: x, x2: x, y1: view.frame.top, y2: view.frame.bottom }));
    const values = shown()
      .map((line) => ({ line, i: nearest(line.k.map((k) => cost(line, k)), place) }))
      .filter(({ line, i }) => line.value[i] !== null && reaches(line, line.k[i]) && covers(line, place))
      .sort((a, b) => b.line.value[b.i] - a.line.value[a.i]);
    for (const { line, i } of values) {
      const wrap = drawing("g", { class: styleOf(line) });
      wrap.append(drawing("circle", { class: "dot", cx: view.x(cost(line, line.k[i])), cy: view.y(line.value[i]), r: 4 }));
      group.append(wrap);
    }
    plot.append(group);
    fillTip(place, values);
    placeTip(tip, x, view);
  }

  function covers(line, place) {
    return cost(line, line.k[0]) <= place && place <= cost(line, line.k[line.k.length - 1]);
  }

  function tipTitle(place, values) {
    if (state.unit !== SAMPLES && !oneCost()) return `${amountText(place)} ${state.unit} per problem`;
    const { line, i } = values[0] || { line: data.lines[0], i: 0 };
    const k = line.k[i];
    const unit = state.unit === SAMPLES ? units[0] : state.unit;
    const same = unit && (state.unit !== SAMPLES || !overlay);
    const spent = same ? `, ${amountText(price(line, unit, k))} ${unit}` : "";
    return `k = ${wholeText(k)}${spent}${data.measuredK && k > data.measuredK ? " (extrapolated)" : ""}`;
  }

  function fillTip(place, values) {
    const title = tipTitle(place, values);
    const table = element("table");
    for (const { line, i } of values.slice(0, MOST_IN_TIP)) {
      const row = table.insertRow();
      const at = state.unit !== SAMPLES && !oneCost();
      const beyond = overlay && line.k[i] > line.measuredK ? " (extrapolated)" : "";
      row.append(element("td", { class: `c${line.color % COLORS}` }, nameOf(line) + beyond));
      if (at) row.append(element("td", { class: "right" }, `k = ${wholeText(line.k[i])}`));
      row.append(element("td", { class: "right" }, percentText(line.value[i])));
      row.append(element("td", {}, intervalText(line.low[i], line.high[i])));
    }
    if (values.length > MOST_IN_TIP) table.insertRow().append(element("td", {}, `and ${values.length - MOST_IN_TIP} below`));
    tip.replaceChildren(element("strong", {}, title), table);
    spoken.textContent = `${title}: ` + values.map(({ line, i }) => `${nameOf(line)} ${percentText(line.value[i])}`).join(", ");
  }

  function leave() {
    cursor = null;
    tip.hidden = true;
    plot.querySelectorAll(".cursor").forEach((node) => node.remove());
  }

  plot.addEventListener("pointermove", (event) => {
    const at = event.clientX - plot.getBoundingClientRect().left;
    const places = stops();
    if (places.length) point(places[nearest(places.map(view.x), at)]);
  });
  plot.addEventListener("pointerleave", leave);
  plot.addEventListener("blur", leave);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") return leave();
    if (!step) return;
    event.preventDefault();
    const places = stops();
    if (!places.length) return;
    const now = cursor === null ? (step > 0 ? -1 : places.length) : nearest(places, cursor);
    point(places[Math.min(Math.max(now + step, 0), places.length - 1)]);
  });

  const tools = element("div", { class: "tools" });
  if (overlay && curveNames.length === 1) tools.append(cellLegend, switches);
  else tools.append(legend, switches, ...(overlay ? [cellLegend] : []));
  box.replaceChildren(tools, plot, tip, spoken);
  new ResizeObserver(() => { if (!view || Math.abs(view.width - box.clientWidth) > 1) draw(); }).observe(box);
  refresh();
}

function nearest(sorted, value) {
  let best = 0;
  for (let i = 1; i < sorted.length; i += 1) if (Math.abs(sorted[i] - value) < Math.abs(sorted[best] - value)) best = i;
  return best;
}

function placeTip(tip, x, view) {
  tip.hidden = false;
  const box = tip.parentElement;
  const svgTop = box.querySelector("svg.plot").getBoundingClientRect().top - box.getBoundingClientRect().top;
  const left = x + 16 + tip.offsetWidth < view.width ? x + 16 : Math.max(0, x - 16 - tip.offsetWidth);
  tip.style.left = `${left}px`;
  tip.style.top = `${svgTop + view.frame.top + 8}px`;
}

// ---------------------------------------------------------------- histogram

function barsChart(box, data) {
  const plot = drawing("svg", { class: "plot", role: "img", "aria-label": box.dataset.label });
  const tip = element("div", { class: "tip" });
  tip.hidden = true;

  function draw() {
    const width = Math.max(box.clientWidth, 280);
    const height = 250;
    const frame = { left: 4, right: width - 18, top: 24, bottom: height - 46 };
    const most = Math.max(1, data.never, ...data.bars.map((bar) => bar.count));
    const y = linearScale(0, most, frame.bottom, frame.top);
    const slot = (frame.right - frame.left) / (data.bars.length + 1.6);
    const start = frame.left + 1.6 * slot;
    const nodes = [drawing("line", { class: "axisline", x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom })];
    const bar = (x, count, label, kind) => {
      const column = drawing("rect", { class: `column ${kind}`, x, width: 0.9 * slot, y: y(count), height: frame.bottom - y(count) });
      const area = drawing("rect", { x, width: slot, y: frame.top, height: frame.bottom - frame.top, fill: "transparent" });
      for (const shape of [column, area]) shape.addEventListener("pointerenter", () => show(x + slot / 2, count, label, width, frame));
      nodes.push(area, column);
      if (count) nodes.push(drawing("text", { class: "size", x: x + 0.45 * slot, y: y(count) - 6, "text-anchor": "middle" }, String(count)));
    };
    bar(frame.left, data.never, "never solved", "never");
    data.bars.forEach((item, i) => bar(start + i * slot, item.count, item.label, ""));
    nodes.push(drawing("text", { x: frame.left + 0.45 * slot, y: frame.bottom + 18, "text-anchor": "middle" }, "never"));
    data.edges.forEach((edge, i) => {
      const x = start + i * slot - 0.05 * slot;
      const crowded = x - frame.left < 1.6 * 36 && i === 0;
      if (i % data.perDecade === 0 && !crowded) nodes.push(drawing("text", { x, y: frame.bottom + 18, "text-anchor": "middle" }, edge));
    });
    nodes.push(drawing("text", { x: (start + frame.right) / 2, y: frame.bottom + 39, "text-anchor": "middle" }, "share of a problem's samples that are correct"));
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    plot.setAttribute("height", height);
    plot.replaceChildren(...nodes);
  }

  function show(x, count, label, width, frame) {
    const share = percentText(count / data.nProblems);
    tip.replaceChildren(element("strong", {}, label), `${count} of ${data.nProblems} problems (${share})`);
    placeTip(tip, x, { width, frame });
  }

  plot.addEventListener("pointerleave", () => { tip.hidden = true; });
  box.replaceChildren(plot, tip);
  let drawn = 0;
  new ResizeObserver(() => {
    if (Math.abs(drawn - box.clientWidth) > 1) { drawn = box.clientWidth; draw(); }
  }).observe(box);
  draw();
}
