// Tiles drawn by ECharts, on canvas: it needs no style in the markup, and is loaded only where a board has such a tile.
import { calm } from "./state.js";
import { kpiName, locale, named, short, shown, t } from "./words.js";

const charts = new Map();
let library = null;

export function trend(place, tile) {
  const money = (value) => (tile.unit === "ratio" ? shown(value, "ratio") : short(value));
  const pad = (values) => [...values, ...Array(Math.max(0, tile.steps - values.length)).fill(null)];
  show(place, tile, `${kpiName(tile)}: ${shown(tile.value, tile.unit)}`, (ink) => ({
    grid: { left: 4, right: 12, top: 12, bottom: 2, containLabel: true },
    tooltip: tooltip(ink, "axis", (value) => shown(value, tile.unit)),
    xAxis: { type: "category", data: tile.labels.map(dayName), boundaryGap: false, axisTick: { show: false },
      axisLine: { lineStyle: { color: ink.line } }, axisLabel: { color: ink.quiet, fontSize: ink.size, hideOverlap: true } },
    yAxis: { type: "value", splitNumber: 3, max: ({ max }) => (tile.target ? Math.max(max, 1.05 * Number(tile.target.value)) : null), axisLabel: { showMaxLabel: false, color: ink.quiet, fontSize: ink.size, formatter: money },
      splitLine: { lineStyle: { color: ink.line, type: "dashed" } } },
    series: [
      { name: t("last period"), type: "line", data: tile.ghost.slice(0, tile.steps).map(number), symbol: "none", silent: true,
        lineStyle: { color: ink.quiet, type: "dotted", width: 2 } },
      { name: t("this period"), type: "line", data: pad(tile.course.map(number)), symbol: "none", smooth: 0.15,
        lineStyle: { color: ink.main, width: 3.5 }, areaStyle: { color: ink.main, opacity: 0.16 },
        markLine: tile.target && { symbol: "none", silent: true, data: [{ yAxis: Number(tile.target.value) }],
          lineStyle: { color: ink.good, type: "dashed", width: 2 },
          label: { formatter: t("target"), position: "insideStartTop", color: ink.good, fontSize: ink.size } } },
    ],
  }));
}

export function bridge(place, tile) {
  const steps = [{ name: tile.last ?? t("start"), value: tile.start, total: true }, ...tile.rows, { name: tile.label, value: tile.end, total: true }];
  let level = 0;
  const drawn = steps.map((step) => {
    const value = Number(step.value ?? 0);
    const low = step.total ? 0 : Math.min(level, level + value);
    level = step.total ? value : level + value;
    return { base: low, size: Math.abs(value), value, total: step.total, name: step.total ? step.name : step.part ? t(step.part) : named(step.name) };
  });
  const colour = (ink, step) => (step.total ? ink.main : step.value >= 0 === (tile.better !== "lower") ? ink.good : ink.bad);
  const words = drawn.map((step) => `${step.name} ${shown(step.value, tile.unit)}`).join(", ");
  show(place, tile, `${kpiName(tile)}: ${words}`, (ink) => ({
    grid: { left: 4, right: 4, top: 18, bottom: 2, containLabel: true },
    xAxis: { type: "category", data: drawn.map((step) => step.name), axisTick: { show: false },
      axisLine: { lineStyle: { color: ink.line } }, axisLabel: { color: ink.quiet, fontSize: ink.size, interval: 0, width: 70, overflow: "truncate" } },
    yAxis: { type: "value", show: false },
    series: [
      { type: "bar", stack: "all", silent: true, itemStyle: { color: "transparent" }, data: drawn.map((step) => step.base) },
      { type: "bar", stack: "all", barMaxWidth: 54, data: drawn.map((step) => ({ value: step.size, itemStyle: { color: colour(ink, step), borderRadius: 3 } })),
        label: { show: true, position: "top", color: ink.ink, fontSize: ink.size,
          formatter: ({ dataIndex }) => `${!drawn[dataIndex].total && drawn[dataIndex].value > 0 ? "+" : ""}${shown(drawn[dataIndex].value, tile.unit)}` } },
    ],
  }));
}

export function heat(place, tile) {
  const cells = tile.cells.flatMap((hours, day) => hours.map((value, hour) => [hour, 6 - day, Number(value)]));
  const most = Math.max(...cells.map(([, , value]) => value), 1);
  const [hour, day] = cells.reduce((best, cell) => (cell[2] > best[2] ? cell : best), [0, 0, -1]);
  const days = [...Array(7)].map((_, back) => weekday(6 - back));
  show(place, tile, `${kpiName(tile)}: ${days[day]} ${hour}:00, ${short(most)}`, (ink) => ({
    grid: { left: 4, right: 8, top: 4, bottom: 2, containLabel: true },
    tooltip: tooltip(ink, "item", undefined, ({ value }) => `${days[value[1]]} ${value[0]}:00  ${shown(value[2], tile.unit)}`),
    xAxis: { type: "category", data: [...Array(24).keys()], axisTick: { show: false }, axisLine: { show: false },
      axisLabel: { color: ink.quiet, fontSize: ink.size, interval: 2 } },
    yAxis: { type: "category", data: days, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: ink.quiet, fontSize: ink.size } },
    visualMap: { show: false, min: 0, max: most, inRange: { color: ink.heat } },
    series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: ink.card, borderWidth: 2, borderRadius: 3 } }],
  }));
}

const number = (value) => (value === null ? null : Number(value));
const weekday = (day) => new Date(Date.UTC(2024, 0, 1 + day)).toLocaleDateString(locale(), { weekday: "short", timeZone: "UTC" });
const dayName = (label) => (/^\d{4}-\d\d-\d\d$/.test(label) ? `${Number(label.slice(5, 7))}/${Number(label.slice(8))}` : label.slice(-5));

function tooltip(ink, trigger, valueFormatter, formatter) {
  return { trigger, renderMode: "richText", confine: true, backgroundColor: ink.card, borderColor: ink.line, valueFormatter, formatter,
    textStyle: { color: ink.ink, fontSize: ink.size } };
}

function inks() {
  const style = getComputedStyle(document.documentElement);
  const told = (name) => style.getPropertyValue(`--${name}`).trim();
  const found = Object.fromEntries(["ink", "quiet", "line", "main", "good", "bad", "card"].map((name) => [name, told(name)]));
  return { ...found, heat: [told("heat0"), told("heat1"), told("heat2")], size: 0.72 * parseFloat(style.fontSize) };
}

async function show(place, tile, words, option) {
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", words);
  place.option = option;
  if (charts.has(place)) return later(place);
  library ??= import("./echarts.js");
  const { init } = await library;
  if (!place.isConnected || place.option !== option) return;
  const chart = init(place, { textStyle: { fontFamily: getComputedStyle(document.body).fontFamily } });
  charts.set(place, chart);
  sizes.observe(place);
  chart.setOption({ ...option(inks()), animation: !calm.matches && !document.hidden, animationDuration: 500 });
}

// A chart is drawn as a whole, which takes a good part of a step of the screen: so one in a step, each once in a while,
// at once where it was calm, and without motion.
const PACE_MS = 1000;
const waiting = new Map(); // the places of charts that are to be drawn, and when
let drawing = 0;

function later(place) {
  if (!waiting.has(place)) waiting.set(place, (place.drawn ?? 0) + PACE_MS);
  drawing ||= requestAnimationFrame(drawn);
}

function drawn(now) {
  const [place] = [...waiting].find(([, due]) => due <= now) ?? [];
  if (place) {
    waiting.delete(place);
    place.drawn = now;
    if (place.isConnected) charts.get(place)?.setOption({ ...place.option(inks()), animation: false });
  }
  drawing = waiting.size ? requestAnimationFrame(drawn) : 0;
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) if (target.isConnected) charts.get(target)?.resize();
  sweep();
});

// Lets go of charts whose tile is gone.
export function sweep() {
  for (const [place, chart] of charts) {
    if (place.isConnected) continue;
    sizes.unobserve(place);
    chart.dispose();
    charts.delete(place);
  }
}

// The colours of the theme are drawn in.
export function redraw() {
  for (const [place, chart] of charts) if (place.isConnected) chart.setOption(place.option(inks()));
}
