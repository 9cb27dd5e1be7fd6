"""The dashboard of the demo: one frame of gauges and the state of the journal, drawn on a terminal."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from rich.align import Align
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from projections.catalogue import BY_ID
from services.journal.port import Tally
from services.simulator.gauges import LEADERS, Frame, Gauge, Value

WINS: Final = 20
"""How many recent wins are remembered; as many as fit are shown."""
WIDE: Final = 120
"""Columns from which on two panels stand beside each other, with room for the wins."""
_BARS: Final = "▁▂▃▄▅▆▇█"
_ZH: Final = {
    "events/s": "事件/秒", "position": "日志位置", "told": "报送", "accepted": "接受", "duplicates": "重复",
    "refused": "拒绝", "this month": "本月", "last month": "上月", "trend": "趋势", "Leaderboard": "销售排行",
    "Pipeline": "商机管道", "Recent wins": "最近赢单", "Key figures": "核心指标", "KPI": "指标",
    "wallboard": "看板", "Ctrl-C ends it": "按 Ctrl-C 结束", "no wins yet": "本月尚无赢单", "no open deals": "暂无商机",
}  # fmt: skip
_WEEKDAYS_ZH: Final = "一二三四五六日"
_NAMES: Final = {"cac": "CAC", "csat": "CSAT", "nps": "NPS"}


@dataclass(frozen=True)
class Win:
    """A deal that was just won."""

    day: str
    rep_id: str
    product: str
    amount: str
    currency: str


@dataclass
class Feed:
    """What the stream itself tells the viewer: names, stages, wins."""

    names: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    """The name of each stage, in order."""
    wins: deque[tuple[tuple[str, str], Win]] = field(default_factory=lambda: deque(maxlen=WINS))
    """Identity and win, the latest last."""

    def learn(self, event: dict[str, Any]) -> None:
        """Take note of an accepted event."""
        data = event["data"]
        match event["type"]:
            case "rep.assigned":
                self.names[data["rep_id"]] = data["name"]
            case "pipeline.defined":
                known = {stage["stage"]: stage["name"] for stage in data["stages"]}
                self.stages = {**known, **{k: v for k, v in self.stages.items() if k not in known}}
            case "deal.won":
                win = Win(
                    event["time"][5:10], data.get("rep_id", ""), data.get("product", ""), data["amount"],
                    data.get("currency", "CNY"),
                )  # fmt: skip
                self.wins.append(((event["source"], event["id"]), win))
            case "event.voided":
                gone = data["source"], data["id"]
                self.wins = deque((pair for pair in self.wins if pair[0] != gone), maxlen=WINS)


@dataclass(frozen=True)
class Progress:
    """How far the story is."""

    today: date
    share: float
    """Of the whole history, 0 to 1."""
    speed: float
    """Events told a second, just now."""
    position: int
    tally: Tally
    address: str | None = None
    """Of the wallboard."""


def draw(frame: Frame | None, feed: Feed, progress: Progress, lang: str, size: tuple[int, int]) -> RenderableType:
    """The whole screen, for a terminal of so many columns and lines."""
    columns, lines = size
    screen = Layout()
    screen.split_column(Layout(_header(progress, lang), size=5, name="header"), Layout(Text(), name="body"))
    if frame is None:
        return screen
    figures = Layout(_figures(frame, lang, trend=columns >= 72), size=len(frame.gauges) + 4)
    wide = columns >= WIDE
    room = max(3, lines - 5 - 2 - (len(frame.gauges) + 4))
    leaders, stages = Layout(_leaders(frame, feed, lang)), Layout(_stages(frame, feed, lang))
    body = screen["body"]
    if wide:
        left, right = Layout(), Layout()
        left.split_column(figures, Layout(_wins(feed, lang, room)))
        leaders.size = LEADERS + 2
        right.split_column(leaders, stages)
        body.split_row(left, right)
    else:
        below = Layout()
        below.split_row(leaders, stages)
        body.split_column(figures, below)
    return screen


def _header(progress: Progress, lang: str) -> Panel:
    tally, today = progress.tally, progress.today
    holds = tally.told == tally.accepted + tally.duplicates + tally.refused
    weekday = f"周{_WEEKDAYS_ZH[today.weekday()]}" if lang == "zh" else today.strftime("%a")
    first = Text.assemble(
        (f"{today.isoformat()} {weekday}", "bold cyan"), "   ",
        (f"{progress.speed:,.0f}", "bold"), f" {say('events/s', lang)}   ",
        f"{say('position', lang)} ", (f"{progress.position:,}", "bold"),
    )  # fmt: skip
    identity = Text.assemble(
        f"{say('told', lang)} {tally.told:,} = {tally.accepted:,} {say('accepted', lang)} + "
        f"{tally.duplicates:,} {say('duplicates', lang)} + {tally.refused:,} {say('refused', lang)} ",
        ("✓", "bold green") if holds else ("✗", "bold red"),
    )
    bar = ProgressBar(total=1, completed=min(1.0, progress.share))
    ends = say("Ctrl-C ends it", lang)
    below = f"{say('wallboard', lang)} {progress.address} · {ends}" if progress.address else ends
    return Panel(Group(first, identity, bar), title="Salestream", subtitle=below, border_style="cyan")


def _figures(frame: Frame, lang: str, *, trend: bool) -> Panel:
    table = Table(box=None, expand=True, padding=(0, 1))
    for heading, right in (("KPI", False), ("this month", True), ("last month", True), ("", False), ("trend", False)):
        if trend or heading != "trend":
            table.add_column(say(heading, lang), justify="right" if right else "left", no_wrap=True, header_style="dim")
    for gauge in frame.gauges:
        now, before = gauge.values[-1], gauge.values[-2]
        values = Text(short(now, gauge.unit, lang), style="bold"), Text(short(before, gauge.unit, lang), style="dim")
        line = [Text(sparkline(gauge.values), style="cyan")] if trend else []
        table.add_row(kpi_name(gauge.kpi, lang), *values, _arrow(gauge), *line)
    return Panel(table, title=f"{say('Key figures', lang)} {frame.month}", border_style="blue")


def _arrow(gauge: Gauge) -> Text:
    """Up or down against the month before, green where that is better."""
    now, before = (None if value is None else Decimal(str(value)) for value in gauge.values[:-3:-1])
    if now is None or before is None or now == before:
        return Text(" ")
    better = {"higher": now > before, "lower": now < before}.get(BY_ID[gauge.kpi].better)
    style = "" if better is None else "green" if better else "red"
    return Text("▲" if now > before else "▼", style=style)


def _leaders(frame: Frame, feed: Feed, lang: str) -> Panel:
    rows = [(feed.names.get(rep, rep), value) for rep, value in frame.leaders if value and Decimal(str(value)) > 0]
    return _bars(say("Leaderboard", lang), rows, say("no wins yet", lang), lang, "green")


def _stages(frame: Frame, feed: Feed, lang: str) -> Panel:
    amounts = dict(frame.stages)
    order = [stage for stage in feed.stages if stage in amounts] + [each for each in amounts if each not in feed.stages]
    rows = [(stage_name(feed.stages.get(stage, stage), lang), amounts[stage]) for stage in order]
    return _bars(say("Pipeline", lang), rows, say("no open deals", lang), lang, "magenta")


def _bars(title: str, rows: Sequence[tuple[str, Value]], nothing: str, lang: str, style: str) -> Panel:
    """Names, bars and amounts; the longest bar is the largest amount."""
    known = [(name, Decimal(str(value))) for name, value in rows if value is not None]
    largest = max((value for _, value in known), default=Decimal(0))
    if not largest:
        return Panel(Align.center(Text(nothing, style="dim"), vertical="middle"), title=title, border_style="blue")
    table = Table(box=None, expand=True, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    for name, value in known:
        bar = ProgressBar(total=100, completed=max(0, int(100 * value / largest)), complete_style=style)
        table.add_row(name, bar, short(str(value), "money", lang))
    return Panel(table, title=title, border_style="blue")


def _wins(feed: Feed, lang: str, room: int) -> Panel:
    table = Table(box=None, expand=True, show_header=False, padding=(0, 1))
    for right in (False, False, False, True):
        table.add_column(justify="right" if right else "left", no_wrap=True)
    for _, win in list(feed.wins)[: -room - 1 : -1]:
        amount = f"{short(win.amount, 'money', lang)} {win.currency}"
        table.add_row(Text(win.day, style="dim"), feed.names.get(win.rep_id, win.rep_id), win.product, amount)
    return Panel(table, title=say("Recent wins", lang), border_style="blue")


def say(text: str, lang: str) -> str:
    """A text of the dashboard in the language of the viewer."""
    return _ZH.get(text, text) if lang == "zh" else text


def kpi_name(kpi: str, lang: str) -> str:
    """What a KPI is called by people."""
    return BY_ID[kpi].zh if lang == "zh" else _NAMES.get(kpi, kpi.replace("_", " ").capitalize())


def stage_name(name: str, lang: str) -> str:
    """The half of a stage's two names that the viewer reads: ``方案报价 Proposal``."""
    chinese, _, english = name.partition(" ")
    return chinese if lang == "zh" or not english else english


def short(value: Value, unit: str, lang: str) -> str:
    """A value in a few characters: ``12.3M``, ``1230万``, ``42.3 %``; a dash where there is none."""
    if value is None:
        return "–"
    match unit:
        case "money":
            return _short_money(Decimal(str(value)), lang)
        case "ratio":
            return f"{Decimal(str(value)) * 100:.1f} %"
        case "count":
            return f"{value:,}"
    return f"{value:,.1f}"


def _short_money(value: Decimal, lang: str) -> str:
    sizes = ((10**8, "亿"), (10**4, "万")) if lang == "zh" else ((10**9, "B"), (10**6, "M"), (10**3, "K"))
    for size, word in sizes:
        if abs(value) >= size:
            share = value / size
            return f"{share:,.{0 if abs(share) >= 100 else 1 if abs(share) >= 10 else 2}f}{word}"
    return f"{value:,.0f}"


def sparkline(values: Sequence[Value]) -> str:
    """One character for each value, from the smallest to the largest; a blank where there is none."""
    known = [Decimal(str(value)) for value in values if value is not None]
    if not known:
        return " " * len(values)
    low, span = min(known), max(known) - min(known)
    steps = [None if value is None else int((Decimal(str(value)) - low) / span * 7) if span else 3 for value in values]
    return "".join(" " if step is None else _BARS[step] for step in steps)
