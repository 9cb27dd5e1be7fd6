"use strict";
// The wallboard. Everything that comes from events is put in as text, never as markup.

const $ = (id) => document.getElementById(id);
const WORDS = {
  zh: {
    "As known at": "所知时刻", Live: "实时", Close: "关闭", live: "实时", stale: "连接已断开", position: "位置",
    day: "今日", week: "本周", month: "本月", quarter: "本季度", year: "本年", before: "上期", wins: "最新赢单",
    "A key is needed": "需要密钥", Definition: "定义", Counted: "计入的事件", "Left out": "未计入的事件",
    "since a day ago": "一天以来的变化", nothing: "没有变化", more: "更多", occurred: "发生时间", event: "事件",
    entity: "对象", reason: "原因", "no data": "无数据", "as it was known": "当时所知",
    new_facts: "新发生的事实", late_facts: "迟到的事实", corrections: "更正", owner: "负责人变更", reopened: "重新打开",
    voided: "作废", consequences: "由其他事实引起", several: "多种原因", time_passed: "时间推移",
    calendar_definition: "日历定义变更", exchange_rate: "汇率变更", pipeline_definition: "销售管道定义变更",
    organisation: "组织归属变更", "(none)": "（空）",
  },
};
const store = { get: (name) => localStorage.getItem(name) ?? "", set: (name, value) => localStorage.setItem(name, value) };
const state = { lang: store.get("lang") || (navigator.language.startsWith("zh") ? "zh" : "en"), board: "", frame: null, titles: {} };
let listening = null;
const t = (text) => (state.lang === "zh" ? WORDS.zh[text] ?? text : text.replaceAll("_", " "));

function make(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

async function get(path, signal) {
  const key = new URLSearchParams(location.hash.slice(1)).get("key") || sessionStorage.getItem("key");
  const answer = await fetch(path, { signal, headers: key ? { Authorization: `Bearer ${key}` } : {} });
  if (answer.status === 401 || answer.status === 403) {
    $("key").showModal();
    throw new Error("key");
  }
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer;
}

// Numbers: money exact as told, shortened on the board only; 万 and 亿 in Chinese, K and M elsewhere.
function short(value) {
  const size = Math.abs(value);
  const steps = state.lang === "zh" ? [[1e8, "亿"], [1e4, "万"]] : [[1e9, "B"], [1e6, "M"], [1e3, "K"]];
  const [unit, word] = steps.find(([least]) => size >= least) ?? [1, ""];
  return (value / unit).toLocaleString(state.lang, { maximumFractionDigits: unit === 1 ? 0 : 2 }) + word;
}

function shown(value, unit, exact = false) {
  if (value === null || value === undefined) return "–";
  const number = Number(value);
  switch (unit) {
    case "ratio": return (number * 100).toLocaleString(state.lang, { maximumFractionDigits: 1 }) + " %";
    case "money": return exact ? String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",") : short(number);
    case "count": return exact ? number.toLocaleString(state.lang) : short(number);
    case "days": return number.toLocaleString(state.lang, { maximumFractionDigits: 1 }) + (state.lang === "zh" ? " 天" : " days");
  }
  return number.toLocaleString(state.lang, { maximumFractionDigits: 1 });
}

function when(text) {
  return text ? new Date(text).toLocaleString(state.lang === "zh" ? "zh-CN" : "en-GB") : "–";
}

function course(values) {
  const known = values.map((value) => (value === null ? 0 : Number(value)));
  const [low, high] = [Math.min(0, ...known), Math.max(...known, 0)];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "course");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const points = known.map((value, place) => {
    const across = known.length > 1 ? (place / (known.length - 1)) * 100 : 50;
    return `${across.toFixed(2)} ${(29 - ((value - low) / (high - low || 1)) * 28).toFixed(2)}`;
  });
  path.setAttribute("d", points.length ? `M ${points.join(" L ")}` : "");
  svg.append(path);
  return svg;
}

function title(tile) {
  const name = tile.title[state.lang] + (tile.kpi.includes("/") ? ` (${tile.kpi.split("/")[1]})` : "");
  return `${name} · ${t(tile.period)}`;
}

function numberTile(tile) {
  const made = make("article");
  made.append(make("h2", title(tile)));
  const value = make("button", shown(tile.value, tile.unit), "value");
  value.title = shown(tile.value, tile.unit, true);
  value.addEventListener("click", () => receipt(tile));
  made.append(value);
  const before = make("div", `${t("before")} ${shown(tile.before, tile.unit)} `, "before");
  if (tile.value !== null && tile.before !== null && Number(tile.value) !== Number(tile.before)) {
    const more = Number(tile.value) > Number(tile.before);
    const good = tile.better === "neither" ? "" : more === (tile.better === "higher") ? "up" : "down";
    before.append(make("span", more ? "▲" : "▼", good));
  }
  made.append(before, course(tile.course));
  return made;
}

function barsTile(tile) {
  const made = make("article");
  made.append(make("h2", title(tile)));
  const table = make("table");
  const most = Math.max(...tile.rows.map((row) => Math.abs(Number(row.value ?? 0))), 0);
  for (const row of tile.rows) {
    const line = make("tr");
    const bar = make("progress");
    bar.max = most || 1;
    bar.value = Math.abs(Number(row.value ?? 0));
    bar.setAttribute("aria-hidden", "true");
    const cell = make("td");
    cell.append(make("span", row.name ?? t("(none)")), bar);
    line.append(cell, make("td", shown(row.value, tile.unit), "number"));
    table.append(line);
  }
  if (!tile.rows.length) made.append(make("p", t("no data"), "before"));
  made.append(table);
  return made;
}

function winsTile(tile, known) {
  const made = make("article");
  made.append(make("h2", t("wins")));
  const table = make("table");
  for (const win of tile.wins) {
    const line = make("tr");
    if (known !== null && win.position > known) line.className = "flash";
    line.append(make("td", win.deal), make("td", win.rep ?? ""), make("td", `${shown(win.amount, "money")} ${win.currency}`, "number"));
    table.append(line);
  }
  made.append(table);
  return made;
}

function draw(frame) {
  const known = state.frame && state.frame.live && frame.live ? state.frame.cut.position : null;
  state.frame = frame;
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  delete document.documentElement.dataset.stale;
  $("title").textContent = state.titles[state.board]?.[state.lang] ?? "Salestream";
  $("lang").textContent = state.lang === "zh" ? "English" : "中文";
  $("thenLabel").textContent = t("As known at");
  $("live").textContent = t("Live");
  $("close").textContent = t("Close");
  $("live").hidden = frame.live;
  $("moment").textContent = when(frame.live ? frame.now : frame.cut.recorded);
  const mark = frame.live ? `● ${t("live")}` : `◷ ${t("as it was known")}`;
  $("badge").textContent = `${mark} · ${t("position")} ${frame.cut.position.toLocaleString(state.lang)} · ${frame.currency}`;
  const tiles = frame.tiles.map((tile) =>
    tile.kind === "number" ? numberTile(tile) : tile.kind === "bars" ? barsTile(tile) : winsTile(tile, known));
  $("tiles").replaceChildren(...tiles);
}

function events(rows, headings) {
  const table = make("table");
  const head = make("tr");
  for (const heading of headings) head.append(make("th", t(heading)));
  table.append(head);
  for (const row of rows.slice(0, 50)) {
    const line = make("tr");
    for (const text of row) line.append(make("td", text));
    table.append(line);
  }
  if (rows.length > 50) table.append(make("caption", `+ ${rows.length - 50} ${t("more")}`));
  return table;
}

async function receipt(tile) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(tile.question)) {
    for (const each of Array.isArray(value) ? value : [value]) asked.append(name, each);
  }
  const id = tile.kpi.replace("/", "~");
  const body = $("receiptBody");
  $("receiptTitle").textContent = `${title(tile)}: ${shown(tile.value, tile.unit, true)}`;
  body.replaceChildren(make("p", "…"));
  $("receipt").showModal();
  try {
    const told = await (await get(`/api/kpis/${id}/explain?${asked}`)).json();
    $("definition").textContent = `${t("Definition")} ${told.definition.hash}: ${told.definition.text}`;
    const counted = told.events.filter((event) => event.role === "counted");
    const rows = (list) => list.map((e) => [when(e.time), e.type, e.entity, `${e.source} ${e.id}`,
      e.reason ?? Object.entries(e.contribution).map(([name, value]) => `${name} ${value}`).join(", ")]);
    body.replaceChildren(
      make("h3", `${t("Counted")} (${counted.length})`), events(rows(counted), ["occurred", "event", "entity", "", ""]));
    if (told.excluded.length) {
      body.append(make("h3", `${t("Left out")} (${told.excluded.length})`), events(rows(told.excluded), ["occurred", "event", "entity", "", "reason"]));
    }
    asked.delete("as_of");
    const ago = new Date(new Date(state.frame.live ? Date.now() : state.frame.cut.recorded) - 864e5).toISOString();
    asked.append("known_from", ago);
    asked.append("known_to", tile.question.as_of);
    const changes = await (await get(`/api/kpis/${id}/changes?${asked}`)).json();
    body.append(make("h3", `${t("since a day ago")}: ${shown(changes.difference, tile.unit, true)}`));
    if (!changes.causes.length) body.append(make("p", t("nothing")));
    else body.append(events(changes.causes.map((cause) => [t(cause.cause), shown(cause.effect, tile.unit, true), String(cause.events.length)]), ["reason", "", "event"]));
  } catch (error) {
    body.append(make("p", error.message));
  }
}

// The stream is read by fetch, for an EventSource cannot bring a key. After a loss it is opened again, ever more slowly.
async function listen() {
  listening?.abort();
  const control = (listening = new AbortController());
  for (let pause = 500; !control.signal.aborted; pause = Math.min(pause * 2, 15000)) {
    try {
      const answer = await get(`/api/stream?board=${encodeURIComponent(state.board)}`, control.signal);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = "", chunk; !(chunk = await reader.read()).done; ) {
        const parts = (rest + chunk.value).split("\n\n");
        rest = parts.pop();
        const frame = parts.filter((part) => part.includes("event: frame")).pop();
        if (frame) draw(JSON.parse(frame.slice(frame.indexOf("data: ") + 6)));
        pause = 500;
      }
    } catch (error) {
      if (control.signal.aborted || error.message === "key") return;
    }
    document.documentElement.dataset.stale = "";
    $("badge").textContent = `○ ${t("stale")}`;
    await new Promise((done) => setTimeout(done, pause));
  }
}

async function look() {
  const place = Number($("then").value) / Number($("then").max);
  const since = new Date(state.frame?.since ?? Date.now()).getTime();
  if (place >= 1) return listen();
  listening?.abort();
  const at = new Date(since + (Date.now() - since) * place).toISOString();
  draw(await (await get(`/api/frame?board=${encodeURIComponent(state.board)}&as_of=${at}`)).json());
}

async function start() {
  document.documentElement.dataset.theme =
    store.get("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  state.titles = await (await get("/api/boards")).json();
  const wanted = new URLSearchParams(location.search).get("board");
  state.board = wanted in state.titles ? wanted : "sales" in state.titles ? "sales" : Object.keys(state.titles)[0];
  $("board").replaceChildren(...Object.entries(state.titles).map(([name, words]) => {
    const option = make("option", words[state.lang]);
    option.value = name;
    return option;
  }));
  $("board").value = state.board;
  await look();
}

let waiting = 0;
$("then").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(look, 150); });
$("live").addEventListener("click", () => { $("then").value = $("then").max; look(); });
$("board").addEventListener("change", () => { state.board = $("board").value; look(); });
$("lang").addEventListener("click", () => { state.lang = state.lang === "zh" ? "en" : "zh"; store.set("lang", state.lang); start(); });
$("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  store.set("theme", next);
});
$("keyForm").addEventListener("submit", () => { sessionStorage.setItem("key", $("keyText").value.trim()); start(); });
start().catch((error) => { $("badge").textContent = error.message; });
