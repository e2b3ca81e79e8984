"use strict";
// Keeps a live page up to date: asks for the state, and when there is a new page, replaces the sections that differ.
// What the reader chose lives in `chosen` (chart.js) and outlives its section; folds, focus and scroll are kept here.

const POLL_MS = 2000;
const live = document.getElementById("live");
const liveWords = live.querySelector(".words");
let token = document.body.dataset.live;

function tell(phase, words) {
  live.className = `live ${phase}`;
  if (liveWords.textContent !== words) liveWords.textContent = words;
}

// A document parsed by the browser itself, in which no script runs; no string is turned into markup here.
function freshPage() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.onload = () => (request.status === 200 && request.responseXML ? resolve(request.responseXML) : reject());
    request.onerror = request.ontimeout = reject;
    request.open("GET", "./");
    request.send();
  });
}

function replaceDiffering(fresh) {
  const main = document.getElementById("main");
  const anchor = anchorOfView(main);
  const focused = document.activeElement && document.activeElement.id;
  texts = JSON.parse(fresh.getElementById("texts").textContent);
  document.title = fresh.title;
  replaceHeader(fresh);
  let place = null; // the section after which the next one belongs
  const staying = new Set();
  for (const section of fresh.querySelectorAll("main > section")) {
    const html = section.outerHTML;
    let now = document.getElementById(section.id);
    if (!now || served.get(section.id) !== html) {
      takeData(section);
      const next = document.importNode(section, true);
      if (now) keepFolds(now, next);
      if (now) now.replaceWith(next);
      else if (place) place.after(next);
      else main.prepend(next);
      served.set(section.id, html);
      bringToLife(next);
      now = next;
    } else if (now.previousElementSibling !== place) {
      if (place) place.after(now);
      else main.prepend(now);
    }
    staying.add(now);
    place = now;
  }
  for (const section of main.querySelectorAll(":scope > section")) if (!staying.has(section)) section.remove();
  const again = focused && document.getElementById(focused);
  if (again && again !== document.activeElement) again.focus({ preventScroll: true });
  keepInView(anchor);
}

// Data leaves its script elements before they come here: the page's policy lets no script in, not even an idle one.
function takeData(section) {
  for (const script of section.querySelectorAll("script")) {
    renewed.set(script.id, JSON.parse(script.textContent));
    script.remove();
  }
}

function replaceHeader(fresh) {
  for (const part of ["h1", ".answer-line", ".lede"]) {
    document.querySelector(`header.page ${part}`).replaceWith(document.importNode(fresh.querySelector(`header.page ${part}`), true));
  }
  const nav = document.querySelector("header.page nav");
  const links = Array.from(fresh.querySelectorAll("header.page nav a"), (link) => document.importNode(link, true));
  if (links.map((link) => link.href).join() !== Array.from(nav.querySelectorAll("a"), (link) => link.href).join()) {
    nav.replaceChildren(...links, theme);
  }
}

function keepFolds(old, next) {
  for (const fold of old.querySelectorAll("details[id]")) {
    const twin = Array.from(next.querySelectorAll("details")).find((one) => one.id === fold.id);
    if (twin) twin.open = fold.open;
  }
}

// What shall not move: what the reader is at, else the last element with a name above the window's middle.
function anchorOfView(main) {
  const at = document.activeElement;
  const top = at.getBoundingClientRect().top;
  if (at.id && main.contains(at) && top >= 0 && top < innerHeight) return { id: at.id, top };
  let found = null;
  for (const node of main.querySelectorAll("[id]")) {
    if (!node.checkVisibility()) continue;
    const top = node.getBoundingClientRect().top;
    if (top > innerHeight / 2) break;
    found = { id: node.id, top };
  }
  return found;
}

function keepInView(anchor) {
  const node = anchor && scrollY > 0 && document.getElementById(anchor.id);
  if (node) scrollBy({ top: node.getBoundingClientRect().top - anchor.top, behavior: "instant" });
}

// Returns the answer, or null where ttscale does not answer any more.
async function asked(question) {
  try {
    return await question();
  } catch {
    return null;
  }
}

async function look() {
  try {
    const state = await asked(async () => (await fetch("state", { cache: "no-store" })).json());
    const fresh = state && state.token !== token ? await asked(freshPage) : null;
    if (fresh) {
      token = state.token;
      replaceDiffering(fresh);
    }
    if (state) tell(state.phase, state.words);
    else tell("lost", "ttscale does not answer any more; this is what it said last.");
  } finally {
    setTimeout(look, POLL_MS);
  }
}

look();
