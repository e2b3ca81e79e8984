"use strict";
// Data of the page as files, made here: nothing is asked of anybody.

function csvText(rows) {
  // A cell that a spreadsheet would run as a formula gets an apostrophe: ids and answers come from anywhere.
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",") + "\n").join("");
}

// A button that hands over a file when pressed; `make` returns its text, or a promise of it.
function downloadButton(label, name, make) {
  const button = element("button", { type: "button", class: "quiet download" }, label);
  button.addEventListener("click", async () => {
    const link = element("a", { download: name });
    link.href = URL.createObjectURL(new Blob([await make()], { type: name.endsWith(".csv") ? "text/csv" : "application/x-ndjson" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  return button;
}

function curveRows(lines, cells) {
  const head = ["cell", "curve", "kind", "k", "value", "low", "high"];
  return [head, ...lines.flatMap((line) => line.k.map((k, i) =>
    [cells.length ? cells[line.cell].label : "", line.label, line.style, k, line.value[i], line.low[i], line.high[i]]))];
}
