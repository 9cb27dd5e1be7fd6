// Tiles drawn with plain elements. Each kind has one function that brings its article in line with what was told.
import { $, button, calm, differs, keyed, make, state, svg, write } from "./state.js";
import { compared, kpiName, named, short, shown, t, title, when } from "./words.js";
import { bridge, heat, trend } from "./charts.js";
import { receipt } from "./receipt.js";

const KINDS = { number, trend: trended, bars, leaders, funnel, bridge: bridged, heat: heated, table, wins, health };

export function draw(tiles, changed) {
  const main = $("tiles");
  tiles.forEach((tile, place) => {
    let article = main.children[place];
    if (article?.dataset.kind !== tile.kind) {
      const fresh = make("article");
      fresh.dataset.kind = tile.kind;
      if (article) article.replaceWith(fresh);
      else main.append(fresh);
      article = fresh;
    } else if (changed && !changed.has(place)) return;
    const name = `tile ${tile.kind} w${tile.wide} t${tile.tall}`;
    if (article.className !== name) article.className = name;
    KINDS[tile.kind](article, tile);
  });
  while (main.children.length > tiles.length) main.lastChild.remove();
}

// The parts of an article that stay: a heading, and what the kind keeps.
function frame(article, heading, aside, ...inside) {
  if (!article.parts) {
    const h2 = make("h2");
    article.append(make("header", "", h2, make("span", "aside")), ...inside);
    article.parts = inside;
  }
  const [h2, span] = article.firstChild.children;
  write(h2, heading);
  write(span, aside);
  return article.parts;
}

const span = (tile) => t(tile.stock ? "now" : tile.period);

function glide(element, value, unit) {
  const to = value === null ? NaN : Number(value);
  const from = Number(element.dataset.value ?? NaN);
  element.dataset.value = to;
  const show = (number) => write(element, shown(Number.isNaN(number) ? null : number, unit));
  cancelAnimationFrame(element.running);
  if (calm.matches || document.hidden || Number.isNaN(from) || Number.isNaN(to) || from === to) return show(to);
  const start = performance.now();
  const step = (at) => {
    const done = Math.min(1, (at - start) / 450);
    show(from + (to - from) * (1 - (1 - done) ** 3));
    if (done < 1) element.running = requestAnimationFrame(step);
    else write(element, shown(value, unit));
  };
  element.running = requestAnimationFrame(step);
}

function delta(tile) {
  const made = make("span", "delta");
  const told = compared(tile.value, tile.before, tile.unit);
  if (!told) return made;
  const good = tile.better === "neither" || !told.more ? "" : told.more > 0 === (tile.better === "higher") ? "good" : "bad";
  made.append(make("b", good, `${told.more > 0 ? "▲" : told.more < 0 ? "▼" : "="} ${told.text}`), ` ${t(`vs ${tile.period}`)}`);
  return made;
}

// How far towards the target, with a mark where an even pace would be.
function bullet(tile) {
  if (!tile.target) return null;
  const [value, goal, due] = [Number(tile.value ?? 0), Number(tile.target.value), Number(tile.target.due)];
  const most = Math.max(value, goal) * 1.04 || 1;
  const bar = make("span", `bullet ${value >= due ? "good" : "bad"}`, make("i"), make("u"), make("s"));
  bar.style.setProperty("--value", Math.max(0, value / most));
  bar.style.setProperty("--due", due / most);
  bar.style.setProperty("--goal", goal / most);
  const pace = value >= due ? t("ahead of pace") : t("behind pace");
  const share = goal ? `${Math.round((value / goal) * 100)} %` : "–";
  return make("div", "goal", bar, make("span", "quiet", `${share} ${t("of target")} ${shown(tile.target.value, tile.unit)} · ${pace}`));
}

function spark(values, steps) {
  const known = values.map((value) => (value === null ? 0 : Number(value)));
  const [low, high] = [Math.min(0, ...known), Math.max(0, ...known)];
  const at = (place) => (steps > 1 ? (place / (steps - 1)) * 100 : 50).toFixed(2);
  const up = (value) => (29 - ((value - low) / (high - low || 1)) * 27).toFixed(2);
  const points = known.map((value, place) => `${at(place)} ${up(value)}`);
  const shape = { class: "spark", viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" };
  if (points.length < 2) return svg("svg", shape);
  const area = `M ${at(0)} ${up(0)} L ${points.join(" L ")} L ${at(known.length - 1)} ${up(0)} Z`;
  return svg("svg", shape, svg("path", { class: "area", d: area }), svg("path", { class: "line", d: `M ${points.join(" L ")}` }));
}

function opener(article, tile) {
  const value = button("value", "", () => receipt(article.tile));
  value.setAttribute("aria-haspopup", "dialog");
  article.tile = tile;
  return value;
}

function number(article, tile) {
  const fresh = !article.parts;
  const [value, below] = frame(article, title(tile), span(tile), ...(fresh ? [opener(article, tile), make("div", "below")] : []));
  article.tile = tile;
  glide(value, tile.value, tile.unit);
  value.title = `${shown(tile.value, tile.unit, true)} · ${t("Open receipt")}`;
  if (!differs(below, tile.value, tile.before, tile.course, tile.steps, tile.target)) return;
  below.replaceChildren(delta(tile), ...[tile.course.length > 1 ? spark(tile.course, tile.steps) : null, bullet(tile)].filter(Boolean));
}

function trended(article, tile) {
  const fresh = !article.parts;
  const [row, chart] = frame(article, title(tile), `${t(tile.period)}${tile.to_date ? ` · ${t("to date")}` : ""}`,
    ...(fresh ? [make("div", "row", opener(article, tile), make("div", "below")), make("div", "chart")] : []));
  article.tile = tile;
  glide(row.firstChild, tile.value, tile.unit);
  row.firstChild.title = shown(tile.value, tile.unit, true);
  if (differs(row.lastChild, tile.value, tile.before, tile.target)) row.lastChild.replaceChildren(...[delta(tile), bullet(tile)].filter(Boolean));
  trend(chart, tile);
}

function widthOf(element, share) {
  const width = (Math.max(0, Math.min(1, share)) || 0).toFixed(3);
  if (element.share !== width) element.style.setProperty("--share", (element.share = width));
}

// A name: a button where it has a receipt, a plain text where it has none.
function label(tile, row, text) {
  if (!row.of) return make("span", "name", text);
  const open = button("name", text, () => receipt({ ...tile, value: row.value, unit: tile.unit }, row));
  open.setAttribute("aria-haspopup", "dialog");
  return open;
}

function listed(article, tile, build, patch, aside = span(tile)) {
  const fresh = !article.parts;
  const [list, note] = frame(article, title(tile), aside, ...(fresh ? [make("ol"), make("p", "quiet")] : []));
  keyed(list, tile.rows, (row) => String(row.of ?? `${row.place ?? ""}${row.name}`), () => build(), (child, row) => patch(child, row));
  write(note, tile.rows.length ? (tile.withheld ? `${tile.withheld} ${t("not shown, too few people")}` : "") : t("no data yet"));
}

function bars(article, tile) {
  const most = Math.max(...tile.rows.map((row) => Math.abs(Number(row.value ?? 0))), 0) || 1;
  const by = tile.by === "stage" ? "" : "ranked";
  listed(article, tile, () => make("li", `bar ${by}`), (line, row) => {
    if (differs(line, row, tile.question)) line.replaceChildren(label(tile, row, named(row.name)), meter(line), make("span", "amount", shown(row.value, tile.unit)));
    widthOf(line, Math.abs(Number(row.value)) / most);
  });
}

const meter = (line) => line.querySelector(".meter") ?? make("span", "meter", make("i"));

function leaders(article, tile) {
  const most = Number(tile.rows[0]?.value ?? 0) || 1;
  listed(article, tile, () => make("li", "bar leader"), (line, row) => {
    const rose = row.rose === null ? t("new entry") : row.rose > 0 ? `▲${row.rose}` : row.rose < 0 ? `▼${-row.rose}` : "";
    const name = row.name === null ? t("(hidden)") : named(row.name);
    widthOf(line, Number(row.value) / most);
    if (!differs(line, row, tile.question)) return;
    line.replaceChildren(make("span", "place", String(row.place)), label(tile, row, name),
      make("span", `rose ${row.rose > 0 ? "good" : row.rose < 0 ? "bad" : ""}`, rose), meter(line),
      make("span", "amount", shown(row.value, tile.unit)));
    line.classList.toggle("own", row.own);
  });
}

function funnel(article, tile) {
  const most = Math.max(...tile.rows.map((row) => row.value), 0) || 1;
  listed(article, tile, () => make("li", "bar step"), (line, row) => {
    const share = row.share === null ? "–" : shown(row.share, "ratio");
    widthOf(line, row.value / most);
    if (!differs(line, row, tile.question)) return;
    line.replaceChildren(label({ ...tile, unit: "ratio" }, { ...row, value: row.share }, named(row.name)), meter(line),
      make("span", "amount", short(row.value)), make("span", "share", `→ ${share}`));
  });
}

function bridged(article, tile) {
  const [chart] = frame(article, title(tile), `${tile.last ?? t("start")} → ${tile.label}`, ...(article.parts ? [] : [make("div", "chart")]));
  bridge(chart, tile);
}

function heated(article, tile) {
  const [chart] = frame(article, title(tile), t("weeks"), ...(article.parts ? [] : [make("div", "chart")]));
  heat(chart, tile);
}

function table(article, tile) {
  const [holder] = frame(article, tile.title ? title(tile) : kpiName(tile.columns[0]), t(tile.period), ...(article.parts ? [] : [make("div", "scroll")]));
  const head = make("tr", "", make("th", "", t("name")), ...tile.columns.map((column) => make("th", "amount", kpiName(column))));
  holder.tabIndex = 0;
  const rows = tile.rows.map((row) => make("tr", "", make("th", "", named(row.name)),
    ...row.values.map((value, place) => make("td", "amount", shown(value, tile.columns[place].unit)))));
  rows.forEach((row) => { row.firstChild.scope = "row"; });
  [...head.children].forEach((cell) => { cell.scope = "col"; });
  holder.replaceChildren(make("table", "", make("thead", "", head), make("tbody", "", ...rows)));
}

function wins(article, tile) {
  const [list, note] = frame(article, t("wins"), "", ...(article.parts ? [] : [make("ol"), make("p", "quiet")]));
  keyed(list, tile.wins, (win) => win.deal, () => make("li", "win"), (line, win) => {
    if (differs(line, win)) line.replaceChildren(make("span", "medal", "★"), make("span", "who", make("b", "", win.rep ? named(win.rep) : win.deal),
      make("small", "quiet", [win.rep ? win.deal : "", win.region ?? ""].filter(Boolean).join(" · "))),
      make("span", "amount", `${short(Number(win.amount))} ${win.currency}`));
  });
  write(note, tile.wins.length ? "" : t("no data yet"));
}

function health(article, tile) {
  const [holder] = frame(article, t("Data health"), "", ...(article.parts ? [] : [make("div", "health")]));
  const told = tile.health;
  if (!told) return holder.replaceChildren(make("p", "quiet", t("no data yet")));
  const fact = (name, value, good) => make("div", `fact ${good === undefined ? "" : good ? "good" : "bad"}`,
    make("b", "", value), make("span", "quiet", t(name)));
  const count = (name, good) => fact(name, shown(told[name] ?? null, "count", true), good);
  const rows = [count("told"), count("accepted"), count("duplicates"), count("refused"), count("parked", !told.parked), count("lag", told.lag < 1000),
    fact("latest fact", when(told.latest, state.frame.zone))];
  const laws = (told.laws ?? []).map((law) => make("li", law.holds ? "good" : "bad", make("b", "", law.holds ? `✓ ${t("holds")}` : `✗ ${t("broken")}`), ` ${law.words}`));
  laws.unshift(make("li", told.counted ? "good" : "bad", make("b", "", told.counted ? `✓ ${t("holds")}` : `✗ ${t("broken")}`), ` ${t("told = accepted + duplicates + refused")}`));
  holder.replaceChildren(make("div", "facts", ...rows), make("ul", "laws", ...laws));
}
