"use strict";
// Starts the page: marks that scripts run, draws the charts, wires the tables and the theme button.

document.documentElement.classList.add("js");

let texts = readData("texts"); // the page's pool of texts; a live page renews it

// Draws every chart and table below a node that is not drawn yet; what is folded away waits until it is unfolded.
function bringToLife(root) {
  const waiting = (box) => box.dataset.alive || box.closest("details.cell:not([open])");
  for (const box of root.querySelectorAll(".chart")) {
    if (waiting(box)) continue;
    const data = readData(box.id + "-data");
    box.hidden = false;
    box.dataset.alive = "yes";
    if (data.kind === "curves") curvesChart(box, data);
    else barsChart(box, data);
  }
  for (const box of root.querySelectorAll(".problems")) {
    if (waiting(box)) continue;
    box.dataset.alive = "yes";
    problemTable(box, readData(box.dataset.table), texts);
  }
  for (const fold of root.querySelectorAll("details.cell:not([open])")) {
    fold.addEventListener("toggle", () => bringToLife(fold), { once: true });
  }
}

// A link to a folded cell, or to what is in it, unfolds it.
function unfoldTarget() {
  const names = [place, ...Array.from(address.keys(), (name) => name.split(".")[0])];
  for (const target of names.map((name) => document.getElementById(name)).filter(Boolean)) {
    const fold = target.querySelector("details.cell") || target.closest("details.cell");
    if (fold && !fold.open) {
      fold.open = true;
      bringToLife(fold);
    }
  }
  const target = place && document.getElementById(place);
  if (target) target.scrollIntoView();
}

// Back, forward, or an address that somebody changed.
function followAddress() {
  readAddress();
  unfoldTarget();
  for (const [cell, goTo] of opened) if (address.get(`${cell}.problem`)) goTo(address.get(`${cell}.problem`));
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
addEventListener("hashchange", followAddress);
unfoldTarget();
