"use strict";
// Starts the page: marks that scripts run, draws the charts, wires the tables and the theme button.

document.documentElement.classList.add("js");

for (const box of document.querySelectorAll(".chart")) {
  const data = readData(box.id + "-data");
  box.hidden = false;
  if (data.kind === "curves") curvesChart(box, data);
  else barsChart(box, data);
}

for (const box of document.querySelectorAll(".problems")) problemTable(box, readData(box.dataset.details));

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
