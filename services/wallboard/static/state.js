// What the page knows, how it asks, and small helpers to build it. What comes from events is put in as text only.

export const $ = (id) => document.getElementById(id);
export const store = {
  get: (name) => localStorage.getItem(name) ?? "",
  set: (name, value) => localStorage.setItem(name, value),
};
export const asked = new URLSearchParams(location.search);
export const spoken = navigator.language.startsWith("zh") ? "zh" : "en"; // by the browser
export const state = {
  lang: asked.get("lang") || store.get("lang") || spoken,
  boards: {}, // by name: titles, of which dimension it is, and the language and theme it asks for
  board: "",
  of: asked.get("of") || store.get("of"),
  frame: null, // the latest, with its tiles
  until: 0, // the latest moment that was shown live, in milliseconds
};
export const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// Asks the server; the key is in a cookie that this page cannot read.
export async function get(path, more = {}) {
  const answer = await fetch(path, { ...more, headers: { "Accept-Language": state.lang, ...more.headers } });
  if (answer.ok) return answer;
  let detail = answer.statusText;
  try {
    detail = (await answer.json()).detail;
  } catch {
    // an answer of something between us and the server
  }
  throw new Refused(answer.status, detail);
}

// Shows a key once, to have it put into the cookie. It stays nowhere else.
export async function enter(key) {
  await get("/api/session", { method: "POST", headers: { Authorization: `Bearer ${key}` } });
}

export function make(tag, name, ...inside) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inside.filter((each) => each !== null && each !== undefined));
  return made;
}

export function button(name, text, press) {
  const made = make("button", name, text);
  made.type = "button";
  made.addEventListener("click", press);
  return made;
}

export function svg(tag, attributes, ...inside) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

// Writes a text where it is another: a text that is written again is laid out again.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Whether an element shows something else than what it is to show; from now on it does.
export function differs(element, ...told) {
  const text = JSON.stringify([state.lang, ...told]);
  const changed = element.told !== text;
  element.told = text;
  return changed;
}

// Brings the children of a list in line with items, by key: what is there stays and is patched, and glides to its place.
export function keyed(list, items, key, build, patch) {
  const now = [...list.children];
  if (now.length === items.length && items.every((item, place) => key(item) === now[place].dataset.key)) {
    return items.forEach((item, place) => patch(now[place], item));
  }
  const before = new Map(now.map((child) => [child.dataset.key, child]));
  const places = new Map([...before].map(([name, child]) => [name, child.offsetTop]));
  const after = items.map((item) => {
    const name = key(item);
    const child = before.get(name) ?? build(item);
    child.dataset.key = name;
    patch(child, item);
    return child;
  });
  list.replaceChildren(...after);
  if (calm.matches || !places.size) return;
  for (const child of after) {
    const was = places.get(child.dataset.key);
    const moved = was === undefined ? null : was - child.offsetTop;
    if (moved === null) child.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 400 });
    else if (moved) child.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 400, easing: "ease-out" });
  }
}
