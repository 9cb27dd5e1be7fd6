// The wallboard: which board, live or as it was known, in which language and theme; and how a TV and a keyboard drive it.
import { $, asked, enter, get, make, spoken, state, store, write } from "./state.js";
import { locale, named, t, when } from "./words.js";
import { draw } from "./tiles.js";
import { redraw, sweep } from "./charts.js";
import { forget, moments, sound, toggleSound } from "./moments.js";
import { listen, stop } from "./stream.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const REPLAY_MS = 60000; // a quarter in a minute
const QUARTER_MS = 92 * 864e5;
let replaying = 0;
let rotating = 0;
let waiting = 0;

// Frames

function show(frame, changed) {
  const fresh = state.frame?.board !== state.board || state.frame?.lang !== state.lang;
  const before = fresh ? null : state.frame;
  state.frame = Object.assign(frame, { board: state.board, lang: state.lang });
  if (frame.live) state.until = new Date(frame.now).getTime();
  const root = document.documentElement;
  delete root.dataset.stale;
  root.dataset.up = frame.up;
  if (fresh) $("tiles").replaceChildren();
  draw(frame.tiles, fresh ? null : changed);
  if (fresh) sweep();
  badge(frame);
  choices(frame);
  if (before) moments(before, frame);
}

function badge(frame) {
  const { health } = frame;
  const mark = frame.live ? `● ${t("live")}` : `◷ ${t("as it was known")}`;
  const trust = !health ? [] : [health.holds === null ? `… ${t("checking the books")}` : health.holds ? `✓ ${t("books balance")}` : `✗ ${t("books do not balance")}`];
  if (health?.latest) trust.unshift(`${t("facts up to")} ${when(health.latest, frame.zone)}`);
  if (health?.lag > 2500) trust.push(`${health.lag.toLocaleString(locale())} ${t("behind")}`);
  const last = `${t("last event")} ${when(frame.cut.recorded, frame.zone)}`;
  const words = [mark, when(frame.now, frame.zone), `${t("position")} ${frame.cut.position.toLocaleString(locale())}`, last, frame.currency, ...trust];
  const spans = $("badge").children;
  if (spans.length !== words.length) $("badge").replaceChildren(...words.map((text, place) => make("span", place ? "" : "mark", text)));
  words.forEach((text, place) => write(spans[place], text));
  write($("moment"), when(frame.now, frame.zone));
  $("live").hidden = frame.live;
}

function taken(frame, changed) {
  if (frame) {
    if ("stale" in document.documentElement.dataset) say(t("The board is live again."));
    return show(frame, changed);
  }
  if (!("stale" in document.documentElement.dataset)) say(t("The connection is lost; the numbers may be old."));
  document.documentElement.dataset.stale = "";
  $("badge").replaceChildren(make("span", "mark", `○ ${t("stale")}`));
}

const say = (text) => { $("said").textContent = text; };
const query = (more) => new URLSearchParams({ board: state.board, ...(state.boards[state.board]?.of && state.of ? { of: state.of } : {}), ...more });

function live() {
  replaying = 0;
  $("play").setAttribute("aria-pressed", "false");
  $("then").value = $("then").max;
  listen(`/api/stream?${query({})}`, taken, needKey);
}

async function at(ms) {
  stop();
  forget();
  const past = { as_of: new Date(Math.floor(ms)).toISOString() };
  show(await (await get(`/api/frame?${query(past)}`)).json(), null);
}

const since = () => new Date(state.frame?.since ?? Date.now()).getTime();

function slide() {
  replaying = 0;
  const place = Number($("then").value) / Number($("then").max);
  clearTimeout(waiting);
  waiting = setTimeout(() => (place >= 1 ? live() : at(since() + (state.until - since()) * place).catch(failed)), 120);
}

// The last quarter in a minute: as it was known, moment by moment, then live again.
async function play() {
  if (replaying) return live();
  const mine = (replaying = performance.now());
  $("play").setAttribute("aria-pressed", "true");
  const from = Math.max(since() + 1000, state.until - QUARTER_MS);
  const span = state.until - from;
  for (let done = 0; done < 1 && replaying === mine; done = (performance.now() - mine) / REPLAY_MS) {
    const moment = from + span * done;
    try {
      await at(moment);
    } catch (error) {
      return failed(error);
    }
    if (replaying !== mine) return;
    $("then").value = Number($("then").max) * ((moment - since()) / (state.until - since() || 1));
    await new Promise((turn) => setTimeout(turn, 60));
  }
  if (replaying === mine) live();
}

// Boards

function choose(name) {
  state.board = name;
  dress();
  texts();
  forget();
  live();
}

// The language and theme of the board, where neither the link nor the viewer has chosen.
function dress() {
  const own = state.boards[state.board] ?? {};
  state.lang = asked.get("lang") || store.get("lang") || own.lang || spoken;
  const look = asked.get("theme") || store.get("theme") || own.theme || (dark.matches ? "dark" : "light");
  if (look === document.documentElement.dataset.theme) return;
  document.documentElement.dataset.theme = look;
  redraw();
}

function step(by) {
  const names = rotation();
  choose(names[(names.indexOf(state.board) + by + names.length) % names.length]);
}

const rotation = () => {
  const wanted = (asked.get("boards") ?? "").split(",").filter((name) => name in state.boards);
  return wanted.length ? wanted : Object.keys(state.boards);
};

function rotate(on) {
  clearInterval(rotating);
  rotating = on ? setInterval(() => { if (state.frame?.live) step(1); }, 1000 * Math.max(5, Number(asked.get("every")) || 20)) : 0;
  $("rotate").setAttribute("aria-pressed", String(Boolean(on)));
}

// Whose board it is, where it is one's.
function choices(frame) {
  const pick = $("of");
  pick.hidden = !frame.choices;
  if (!frame.choices) return;
  const known = frame.choices.map((each) => each.of);
  if (!known.includes(frame.of ?? "") && known.length && !$("of").matches(":focus")) {
    state.of = known[0];
    return live();
  }
  if (pick.told === known.join()) return;
  pick.told = known.join();
  pick.replaceChildren(...frame.choices.map((each) => {
    const option = make("option", "", named(each.name));
    option.value = each.of;
    return option;
  }));
  pick.value = frame.of;
}

// The rest of the page

function texts() {
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  document.title = `Salestream · ${state.boards[state.board]?.[state.lang] ?? ""}`;
  $("lang").textContent = state.lang === "zh" ? "EN" : "中文";
    $("thenLabel").textContent = t("As known at");
  for (const [id, text] of Object.entries({ live: "Live", close: "Close", keyOk: "OK", keyTitle: "A key is needed" })) $(id).textContent = t(text);
  for (const [id, text] of Object.entries({ board: "Board", of: "Whose numbers", theme: "Theme", sound: "Sound", play: "Play", rotate: "Rotate" })) {
    $(id).setAttribute("aria-label", t(text));
    $(id).title = t(text);
  }
  $("hint").textContent = t("Keys: ← → boards, P play, R rotate, L language, T theme, S sound");
  $("sound").setAttribute("aria-pressed", String(sound()));
  $("board").replaceChildren(...Object.entries(state.boards).map(([name, words]) => {
    const option = make("option", "", words[state.lang]);
    option.value = name;
    return option;
  }));
  $("board").value = state.board;
  $("of").told = "";
}

function speak() {
  state.lang = state.lang === "zh" ? "en" : "zh";
  store.set("lang", state.lang);
  texts();
  if (state.frame) show({ ...state.frame, lang: "" }, null);
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  store.set("theme", name);
  redraw();
}

const turnTheme = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
const turnSound = () => { toggleSound(); texts(); };

function needKey(error) {
  document.documentElement.dataset.stale = "";
  $("keyHelp").textContent = error.message;
  if (!$("key").open) $("key").showModal();
}

function failed(error) {
  if (error.status === 401 || error.status === 403) return needKey(error);
  say(error.message);
  $("badge").replaceChildren(make("span", "mark", `○ ${error.message}`));
}

const KEYS = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), p: play, r: () => rotate(!rotating), l: speak, t: turnTheme, s: turnSound };

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
  KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key]?.();
}

async function start() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key) {
    history.replaceState(null, "", location.pathname + location.search);
    await enter(key);
  }
  state.boards = await (await get("/api/boards")).json();
  const wanted = asked.get("board") ?? rotation()[0];
  state.board = wanted in state.boards && asked.get("board") ? wanted : asked.get("boards") ? rotation()[0] : "sales" in state.boards ? "sales" : wanted;
  document.documentElement.classList.toggle("kiosk", asked.has("kiosk"));
  dress();
  texts();
  rotate(asked.has("boards") && rotation().length > 1);
  live();
}

document.documentElement.dataset.theme = asked.get("theme") || store.get("theme") || (dark.matches ? "dark" : "light");
$("then").addEventListener("input", slide);
$("live").addEventListener("click", live);
$("play").addEventListener("click", play);
$("rotate").addEventListener("click", () => rotate(!rotating));
$("board").addEventListener("change", () => choose($("board").value));
$("of").addEventListener("change", () => { state.of = $("of").value; store.set("of", state.of); live(); });
$("lang").addEventListener("click", speak);
$("theme").addEventListener("click", turnTheme);
$("sound").addEventListener("click", turnSound);
$("keyForm").addEventListener("submit", () => enter($("keyText").value.trim()).then(start).catch(failed));
$("keyForm").addEventListener("reset", () => { $("keyText").value = ""; });
document.addEventListener("keydown", pressed);
addEventListener("online", () => { if (state.frame?.live) live(); });
start().catch(failed);
