// The two languages, and how numbers and moments are written in them.
import { state } from "./state.js";

const WORDS = {
  "As known at": "所知时刻", Live: "回到实时", Close: "关闭", live: "实时", stale: "连接已断开，正在重连", position: "位置",
  "as it was known": "当时所知", behind: "条待入账", "checking the books": "正在核对账目", "facts up to": "业务事实截至", "books balance": "账目平衡", "books do not balance": "账目不平衡",
  "last event": "最后事件", wins: "最新赢单", "won": "赢单", "and more": "还有更多",
  day: "今日", week: "本周", month: "本月", quarter: "本季度", year: "本年", weeks: "近四周",
  "vs day": "较昨日同时", "vs week": "较上周同期", "vs month": "较上月同期", "vs quarter": "较上季度同期", "vs year": "较去年同期",
  target: "目标", "of target": "达成", "ahead of pace": "快于进度", "behind pace": "慢于进度", "last period": "上期", "this period": "本期",
  "no data yet": "暂无数据", "not shown, too few people": "人数过少，不予显示", name: "名称", from: "从", to: "到",
  "A key is needed": "需要密钥", "This link shows boards only.": "此链接仅可观看看板。",
  Board: "看板", "Whose numbers": "谁的业绩", Theme: "主题", Sound: "声音", Play: "回放近一季度", Pause: "暂停", Rotate: "轮播",
  "Open receipt": "查看明细", Definition: "定义", Counted: "计入的事件", "Left out": "未计入的事件", "As known": "不同时刻的所知", "when known": "何时所知", moment: "时刻",
  start: "期初", new: "新增", increased: "调增", decreased: "调减", transferred: "转移", lost: "丢单",
  now: "现在", "a day earlier": "一天前", "a week earlier": "一周前", "a month earlier": "一个月前",
  "at quarter end": "上季度末",
  "Why it changed in a day": "一天以来为何变化", nothing: "没有变化", more: "更多", occurred: "发生时间", event: "事件",
  entity: "对象", reason: "原因", amount: "数额", "source and id": "来源与编号", events: "事件数", value: "数值",
  new_facts: "新发生的事实", late_facts: "迟到的事实", corrections: "更正", owner: "负责人变更", reopened: "重新打开",
  voided: "作废", consequences: "由其他事实引起", several: "多种原因", time_passed: "时间推移",
  calendar_definition: "日历定义变更", exchange_rate: "汇率变更", pipeline_definition: "销售管道定义变更",
  organisation: "组织归属变更", "(none)": "（空）", "(hidden)": "（隐藏）",
  "Data health": "数据健康", told: "已报送", accepted: "已接受", duplicates: "重复", refused: "已拒绝（死信）", parked: "搁置",
  lag: "待入账", "told = accepted + duplicates + refused": "报送 = 接受 + 重复 + 拒绝", "latest fact": "最新事实发生于",
  holds: "成立", broken: "不成立", laws: "账目恒等式", Monday: "周一", Tuesday: "周二", Wednesday: "周三", Thursday: "周四",
  Friday: "周五", Saturday: "周六", Sunday: "周日", "to date": "累计", connected: "已连接", "The board is live again.": "看板已恢复实时。",
  "The connection is lost; the numbers may be old.": "连接已断开，数字可能已过时。", "Keys: ← → boards, P play, R rotate, L language, T theme, S sound": "快捷键：← → 切换看板，P 回放，R 轮播，L 语言，T 主题，S 声音",
  "The receipt is long: salestream explain lists all of it, page by page.": "凭据较长：用 salestream explain 可逐页查看全部。",
  OK: "确定", "new entry": "新上榜", "Nothing was told yet.": "尚未收到任何事件。",
};
const ACRONYMS = { cac: "CAC", clv: "CLV", csat: "CSAT", nps: "NPS", "clv to cac": "CLV to CAC" };
const ENGLISH = {
  "new entry": "new",
  day: "today", week: "this week", month: "this month", quarter: "this quarter", year: "this year", weeks: "last 4 weeks",
  "vs day": "vs yesterday", "vs week": "vs last week", "vs month": "vs last month", "vs quarter": "vs last quarter",
  "vs year": "vs last year", wins: "Latest wins", "last period": "the period before", behind: "to post", stale: "reconnecting", told: "told", refused: "refused (dead letters)",
};

export const t = (text) => (state.lang === "zh" ? WORDS[text] ?? text : ENGLISH[text] ?? text.replaceAll("_", " "));
export const locale = () => (state.lang === "zh" ? "zh-CN" : "en-GB");
const capital = (text) => text[0].toUpperCase() + text.slice(1);

export function kpiName(tile) {
  const variant = tile.kpi.includes("/") ? ` (${tile.kpi.split("/")[1]})` : "";
  if (state.lang === "zh") return tile.name.zh;
  return (ACRONYMS[tile.name.en] ?? capital(tile.name.en)) + variant;
}

export function title(tile) {
  return tile.title ? tile.title[state.lang] : kpiName(tile);
}

// Names that are told in both languages, such as 方案报价 Proposal, are read in one.
export function named(name) {
  if (name === null || name === undefined) return t("(none)");
  const both = /^([\p{Script=Han}（）]+) ([\x20-\x7e]+)$/u.exec(name);
  return both ? both[state.lang === "zh" ? 1 : 2] : name;
}

// Making a format takes far longer than using it.
const formats = new Map();
function format(Kind, style) {
  const key = `${locale()} ${JSON.stringify(style)}`;
  if (!formats.has(key)) formats.set(key, new Kind(locale(), style));
  return formats.get(key);
}

const digits = (value, most, least = 0) =>
  format(Intl.NumberFormat, { maximumFractionDigits: most, minimumFractionDigits: least }).format(value);

// Shortened on the board only: 万 and 亿 in Chinese, K, M and B elsewhere; three digits say enough from afar.
export function short(value) {
  const size = Math.abs(value);
  const steps = state.lang === "zh" ? [[1e8, "亿"], [1e4, "万"]] : [[1e9, "B"], [1e6, "M"], [1e3, "K"]];
  const [unit, word] = steps.find(([least]) => size >= least) ?? [1, ""];
  const share = value / unit;
  if (unit === 1) return digits(value, 0);
  const places = Math.abs(share) >= 100 ? 0 : Math.abs(share) >= 10 ? 1 : 2;
  return digits(share, places, places) + word;
}

export function shown(value, unit, exact = false) {
  if (value === null || value === undefined) return "–";
  const number = Number(value);
  switch (unit) {
    case "ratio": return `${digits(number * 100, 1, 1)} %`;
    case "money": return exact ? grouped(String(value)) : short(number);
    case "count": return exact ? digits(number, 0) : short(number);
    case "days": return digits(number, 1, 1) + (state.lang === "zh" ? " 天" : " days");
  }
  return digits(number, 1, 1);
}

// A decimal as it was told, to the last digit, with its thousands apart.
function grouped(text) {
  const [whole, part] = text.split(".");
  const apart = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return part === undefined ? apart : `${apart}.${part}`;
}

export function when(text, zone) {
  if (!text) return "–";
  const style = { dateStyle: "medium", timeStyle: "short", timeZone: zone };
  return format(Intl.DateTimeFormat, style).format(new Date(text));
}

// The quarter that runs at a moment, which begins when the other one ends.
export function quarters(ms, zone) {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, year: "numeric", month: "numeric" }).formatToParts(new Date(ms));
  const [month, year] = ["month", "year"].map((type) => Number(parts.find((part) => part.type === type).value));
  const quarter = Math.ceil(month / 3);
  return [`${year}-Q${quarter}`, quarter > 1 ? `${year}-Q${quarter - 1}` : `${year - 1}-Q4`];
}

// How one value stands to another: a share for amounts, points for ratios, the difference for the rest.
export function compared(value, before, unit) {
  if (value === null || before === null || value === undefined || before === undefined) return null;
  const [now, then] = [Number(value), Number(before)];
  if (unit === "ratio") return { more: now - then, text: `${digits(Math.abs(now - then) * 100, 1, 1)} ${state.lang === "zh" ? "个百分点" : "pts"}` };
  if (unit === "money" || unit === "count") {
    if (!then) return null;
    const share = (now - then) / Math.abs(then);
    const text = Math.abs(share) >= 10 ? `×${digits(now / then, 0)}` : `${digits(Math.abs(share) * 100, 0)} %`;
    return { more: now - then, text };
  }
  return { more: now - then, text: digits(Math.abs(now - then), 1, 1) };
}
