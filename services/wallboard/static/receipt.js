// The receipt of a number: what it means, how it was known before, why it changed, and the events behind it.
import { $, get, make, state } from "./state.js";
import { kpiName, quarters, shown, t, title, when } from "./words.js";

const DAY_MS = 864e5;
const MOST = 50;

// A table of the first rows, and how many there are in all.
function listing(headings, rows, all = rows.length) {
  const head = make("tr", "", ...headings.map((heading) => make("th", "", t(heading))));
  [...head.children].forEach((cell) => { cell.scope = "col"; });
  const body = rows.slice(0, MOST).map((row) => make("tr", "", ...row.map((text) => make("td", "", text))));
  const table = make("table", "", make("thead", "", head), make("tbody", "", ...body));
  const more = all - Math.min(rows.length, MOST);
  return scrolling(table, ...(more > 0 ? [make("p", "quiet", `+ ${more} ${t("more")}`)] : []));
}

function scrolling(...inside) {
  const made = make("div", "scroll", ...inside);
  made.tabIndex = 0; // so that it can be scrolled by keyboard
  return made;
}

const section = (heading, ...inside) => make("section", "", make("h3", "", heading), ...inside);

// What a row of a tile adds to the question of the tile.
function question(tile, row) {
  const asked = new URLSearchParams({ from: tile.question.from, to: tile.question.to });
  for (const each of tile.question.where) asked.append("where", each);
  if (row?.of && tile.kpi.startsWith("stage_")) asked.append("by", "stage");
  if (row?.of) asked.append("where", row.of);
  return asked;
}

export async function receipt(tile, row) {
  const [body, asked, cut] = [$("receiptBody"), question(tile, row), state.frame.cut];
  const path = `/api/kpis/${tile.kpi.replace("/", "~")}`;
  $("receiptTitle").textContent = `${row ? kpiName(tile) : title(tile)}${row ? ` · ${row.name}` : ""}: ${shown(tile.value, tile.unit, true)}`;
  $("definition").textContent = "";
  body.replaceChildren(make("p", "quiet", "…"));
  body.setAttribute("aria-busy", "true");
  $("receipt").showModal();
  const ask = async (way, more) => (await get(`${path}${way}?${new URLSearchParams([...asked, ...more])}`)).json();
  try {
    const told = await ask("/explain", [["as_of", cut.position]]);
    $("definition").textContent = `${t("Definition")} ${told.definition.hash}: ${await inWords(tile.kpi, told.definition.text)}`;
    const counted = told.events.filter((event) => event.role === "counted");
    const line = (event) => [when(event.time, state.frame.zone), event.type, event.entity, `${event.source} ${event.id}`,
      event.reason ?? Object.entries(event.contribution).map(([name, value]) => `${name} ${value}`).join(", ")];
    body.replaceChildren(section(`${t("Counted")} (${told.counted})`,
      listing(["occurred", "event", "entity", "source and id", "amount"], counted.map(line), told.counted)));
    if (told.excluded.length) {
      body.append(section(`${t("Left out")} (${told.excluded.length})`,
        listing(["occurred", "event", "entity", "source and id", "reason"], told.excluded.map(line))));
    }
    if (told.next !== null) body.append(make("p", "quiet", t("The receipt is long: salestream explain lists all of it, page by page.")));
    await before(body, tile, ask);
  } catch (error) {
    body.append(make("p", "bad", error.status === 403 ? t("This link shows boards only.") : error.message));
  }
  body.removeAttribute("aria-busy");
}

// A definition in the reader's language: the answer tells it in English, the catalogue in both.
let catalogue = null;
async function inWords(kpi, text) {
  if (state.lang === "en") return text;
  catalogue ??= await (await get("/api/kpis")).json();
  const meaning = catalogue.find((each) => each.id === kpi)?.meaning;
  return meaning ? text.replace(meaning.en, meaning[state.lang]) : text;
}

// How the same number was known earlier, and why it changed since a day ago.
async function before(body, tile, ask) {
  const known = new Date(state.frame.cut.recorded).getTime();
  const ago = (days) => new Date(known - days * DAY_MS).toISOString();
  const times = [["a month earlier", 30], ["a week earlier", 7], ["a day earlier", 1]];
  const [begun, ended] = quarters(known, state.frame.zone);
  const then = await ask("", [["as_of", begun]]);
  const rows = [[t("at quarter end"), ended, shown(then.rows[0]?.value ?? null, tile.unit, true)]];
  for (const [words, days] of times) {
    const answer = await ask("", [["as_of", ago(days)]]);
    rows.push([t(words), when(ago(days), state.frame.zone), shown(answer.rows[0]?.value ?? null, tile.unit, true)]);
  }
  rows.push([t("now"), when(state.frame.cut.recorded, state.frame.zone), shown(tile.value, tile.unit, true)]);
  body.prepend(section(t("As known"), listing(["when known", "moment", "value"], rows)));
  const changes = await ask("/changes", [["known_from", ago(1)], ["known_to", state.frame.cut.position]]);
  const why = changes.causes.map((cause) => [t(cause.cause), shown(cause.effect, tile.unit, true), String(cause.events.length)]);
  body.children[0].after(section(`${t("Why it changed in a day")}: ${shown(changes.difference, tile.unit, true)}`,
    why.length ? listing(["reason", "amount", "events"], why) : make("p", "quiet", t("nothing"))));
}
