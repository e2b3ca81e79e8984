"use strict";
// Starts the page: marks that scripts run, draws the charts, wires the tables and the theme button.

document.documentElement.classList.add("js");

// Draws every chart and table below a node; a live page does so again with what it replaces.
function bringToLife(root) {
  const texts = readData("texts");
  for (const box of root.querySelectorAll(".chart")) {
    const data = readData(box.id + "-data");
    box.hidden = false;
    if (data.kind === "curves") curvesChart(box, data);
    else barsChart(box, data);
  }
  for (const box of root.querySelectorAll(".problems")) problemTable(box, readData(box.dataset.table), texts);
}

// A link to a folded cell unfolds it.
function unfoldTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const fold = target && target.querySelector("details.cell");
  if (fold && !fold.open) {
    fold.open = true;
    target.scrollIntoView();
  }
}

const theme = document.getElementById("theme");
const darkNow = () =>
  document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
const nameTheme = () => { theme.textContent = darkNow() ? "Light" : "Dark"; };
theme.hidden = false;
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = darkNow() ? "light" : "dark";
  nameTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
nameTheme();

// Of a live page: the sections as they were served, to tell which of them differ in the next page.
const served = new Map();
if (document.body.dataset.live) {
  for (const section of document.querySelectorAll("main > section")) served.set(section.id, section.outerHTML);
}

bringToLife(document);
addEventListener("hashchange", unfoldTarget);
unfoldTarget();
