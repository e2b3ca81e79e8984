"use strict";
// The page's address says what the reader looks at, so that a link leads there: "#cell-0&cell-0.problem=mul-007".
// A part without "=" is the section; the others are choices by the names of their charts and tables.

const address = new Map();
let place = "";

function readAddress() {
  address.clear();
  place = "";
  for (const part of location.hash.slice(1).split("&").filter(Boolean)) {
    const [name, ...value] = part.split("=");
    if (value.length) address.set(decoded(name), decoded(value.join("=")));
    else place = decoded(name);
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text; // a stray percent sign: somebody typed it
  }
}

// Keeps a choice in the address; null or "" takes it out. A step is something that Back should undo.
function keep(name, value, step = false) {
  if (value === null || value === "" || value === undefined) address.delete(name);
  else address.set(name, String(value));
  const parts = Array.from(address, ([key, text]) => `${encodeURIComponent(key)}=${encodeURIComponent(text)}`);
  const hash = `#${[place, ...parts].filter(Boolean).join("&")}`;
  if (hash !== (location.hash || "#")) history[step ? "pushState" : "replaceState"](null, "", hash);
}

readAddress();
