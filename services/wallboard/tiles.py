"""Tiles: what each kind wants to know, and what it tells the page.

A tile is a generator: it yields the wants whose rows it needs, gets what was found for each, and returns what the page
draws. So everything that a board wants is known before anything is asked.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from events.envelope import to_text
from events.words import major
from projections.answer import shown
from projections.ask import Row
from projections.catalogue import BY_ID
from projections.formula import Formula, Part, Undefined, Value
from projections.kpi import Kpi
from projections.periods import Period, periods, running
from services.wallboard.board import BRIDGES, Board, Tile, adds_up
from services.wallboard.known import Known, pace
from services.wallboard.privacy import Privacy
from services.wallboard.sheet import Found, Want, Where

Told = dict[str, Any]
Work = Generator[list[Want], list[Found], Told]
HOUR_MS: Final = 3_600_000
WEEKS: Final = 4
"""How far back a heat map looks."""
_FINER: Final = {"day": "hour", "week": "day", "month": "day", "quarter": "week", "year": "month"}
"""The steps of a number's course within its period."""
_PEOPLE: Final = ("rep_id", "manager_id")
_GROUPS: Final = ("team_id", "region", "manager_id")


@dataclass(frozen=True)
class Scene:
    """What all tiles of a frame share."""

    known: Known
    now_ms: int
    board: Board
    of: str
    """Whose board it is, where it is one's."""
    privacy: Privacy
    memory: dict[Any, Any] = field(default_factory=dict)
    """What the frames of one calendar need not work out again."""

    def hours(self, stretch: Period) -> tuple[tuple[Period, ...], list[tuple[int, int]]]:
        """The hours of a stretch, and for each its place in the week: day and hour."""
        if self.memory.get("stretch") != stretch:
            calendar = self.known.calendar
            hours = tuple(periods("hour", stretch.from_ms, stretch.to_ms, calendar))
            days = [calendar.day(hour.from_ms) for hour in hours]
            places = [
                (day.weekday(), (hour.from_ms - calendar.midnight(day)) // HOUR_MS % 24)
                for day, hour in zip(days, hours, strict=True)
            ]
            self.memory.update(stretch=stretch, hours=(hours, places))
        told: tuple[tuple[Period, ...], list[tuple[int, int]]] = self.memory["hours"]
        return told

    def where(self, tile: Tile, kpi: Kpi) -> Where:
        """The tile's filters, and the board's own."""
        told = tile.asked(kpi.id).where
        if not self.board.of or self.board.of not in kpi.dims or self.board.of == tile.by:
            return told
        return (*told, (self.board.of, (self.of,)))

    def shown(self, kpi: Kpi, value: Value) -> str | int | float | None:
        """A value as answers have it."""
        return shown(value, kpi.unit, self.known.calendar.currency)

    def name(self, dimension: str, value: str | None) -> str | None:
        """How a value of a dimension is called; None: not known, or not to be shown."""
        if value is None:
            return None
        if dimension in _PEOPLE:
            return self.known.called(value, self.privacy, self.of)
        return self.known.stages.get(value, value) if dimension in ("stage", "to_stage") else value


def _frame(scene: Scene, tile: Tile, kpi: Kpi, period: Period) -> Told:
    """What every tile of a KPI tells: what it is, and how it is asked."""
    where = [f"{name}={value}" for name, values in scene.where(tile, kpi) for value in values]
    return {
        "kpi": kpi.id, "name": {"en": kpi.name.replace("_", " "), "zh": kpi.zh}, "unit": kpi.unit,
        "better": kpi.better, "stock": kpi.kind == "stock", "period": tile.period, "label": period.label,
        "by": tile.by or None,
        "question": {"from": to_text(period.from_ms), "to": to_text(period.to_ms), "where": where},
    }  # fmt: skip


def _periods(scene: Scene, tile: Tile) -> tuple[Period, Period, Period]:
    """The running period, that before, and of it as much as of the running one is over, to the hour."""
    calendar = scene.known.calendar
    now = running(tile.period, scene.now_ms, calendar)
    before = running(tile.period, now.from_ms - 1, calendar)
    over = max(HOUR_MS, (scene.now_ms - now.from_ms) // HOUR_MS * HOUR_MS)
    return now, before, Period(before.label, before.from_ms, min(before.to_ms, before.from_ms + over))


def number(scene: Scene, tile: Tile) -> Work:
    """One value, its course by the steps of its period, its target, and the same part of the period before."""
    kpi = BY_ID[tile.kpi]
    now, _, before = _periods(scene, tile)
    steps = periods(_FINER[tile.period], now.from_ms, now.to_ms, scene.known.calendar)
    (found,) = yield [Want(kpi, (now, before, *steps), where=scene.where(tile, kpi))]
    value, earlier, *course = (scene.shown(kpi, rows[()].value) for rows in found)
    past = sum(step.from_ms <= scene.now_ms for step in steps)
    return _frame(scene, tile, kpi, now) | {
        "value": value, "before": earlier, "course": course[:past], "steps": len(steps),
        "target": _target(scene, tile, kpi, now),
    }  # fmt: skip


def _target(scene: Scene, tile: Tile, kpi: Kpi, period: Period) -> Told | None:
    """What is to be reached, and which share of it by now at an even pace over the working time."""
    goal = scene.known.target(kpi.id, period, scene.where(tile, kpi))
    if goal is None:
        return None
    due = Fraction(goal) * pace(period, scene.now_ms, scene.known.calendar)
    unit = 100 if kpi.unit == "money" else 1
    return {"value": str(goal), "due": str(round(due * unit) / unit)}


def trend(scene: Scene, tile: Tile) -> Work:
    """A value from the period's begin to the end of each of its steps, over that of the period before."""
    kpi = BY_ID[tile.kpi]
    calendar = scene.known.calendar
    now, last, before = _periods(scene, tile)
    grain = "day" if tile.period == "quarter" else _FINER[tile.period]
    flows = adds_up(kpi.id)
    steps, ghost = (_steps(grain, period, calendar, to_date=flows) for period in (now, last))
    (found,) = yield [Want(kpi, (now, before, *steps, *ghost), where=scene.where(tile, kpi))]
    value, earlier, *course = (scene.shown(kpi, rows[()].value) for rows in found)
    past = sum(step.to_ms <= scene.now_ms for step in steps) + 1
    return _frame(scene, tile, kpi, now) | {
        "value": value, "before": earlier, "course": course[: len(steps)][:past], "steps": len(steps),
        "ghost": course[len(steps) :], "labels": [step.label for step in steps], "last": last.label,
        "target": _target(scene, tile, kpi, now), "to_date": flows,
    }  # fmt: skip


def _steps(grain: str, period: Period, calendar: Any, *, to_date: bool) -> list[Period]:
    found = periods(grain, period.from_ms, period.to_ms, calendar)
    return [Period(step.label, period.from_ms if to_date else step.from_ms, step.to_ms) for step in found]


def bars(scene: Scene, tile: Tile) -> Work:
    """A value for each of a dimension, the largest first; stages in their order."""
    kpi = BY_ID[tile.kpi]
    now, _, _ = _periods(scene, tile)
    (found,) = yield [Want(kpi, (now,), (tile.by,), scene.where(tile, kpi))]
    rows = _known_rows(scene, tile, found[0])
    if tile.by == "stage":
        order = list(scene.known.stages)
        rows.sort(key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))
    told = [_bar(scene, tile, kpi, name, row) for name, row in rows[: tile.limit]]
    return _frame(scene, tile, kpi, now) | {"rows": told, "withheld": len(found[0]) - len(rows)}


def _bar(scene: Scene, tile: Tile, kpi: Kpi, value: str | None, row: Row) -> Told:
    return {"name": scene.name(tile.by, value), "of": _asked(scene, tile, value), "value": scene.shown(kpi, row.value)}


def _asked(scene: Scene, tile: Tile, value: str | None) -> str | None:
    """What a row's receipt is asked by; None where names are not to be known."""
    hidden = tile.by in _PEOPLE and scene.privacy.names not in ("full", "id") and value != scene.of
    return None if hidden or value is None else f"{tile.by}={value}"


def _known_rows(scene: Scene, tile: Tile, found: dict[tuple[str | None, ...], Row]) -> list[tuple[str | None, Row]]:
    """Rows with a value, the largest first, without groups of too few people."""
    least = scene.privacy.least
    heads = scene.known.heads(tile.by, scene.now_ms) if least > 1 and tile.by in _GROUPS else None
    rows = [
        (cell[0], row)
        for cell, row in found.items()
        if not isinstance(row.value, Undefined) and (heads is None or heads.get(cell[0] or "", 0) >= least)
    ]
    return sorted(rows, key=lambda pair: (-_number(pair[1].value), pair[0] or ""))


def _number(value: Value) -> Fraction:
    return Fraction(0) if isinstance(value, Undefined) else value


def leaders(scene: Scene, tile: Tile) -> Work:
    """Who leads, and how many places each rose since the day began."""
    kpi = BY_ID[tile.kpi]
    now, _, _ = _periods(scene, tile)
    today = running("day", scene.now_ms, scene.known.calendar)
    morning = Period("morning", now.from_ms, max(today.from_ms, now.from_ms + 1))
    (found,) = yield [Want(kpi, (now, morning), (tile.by,), scene.where(tile, kpi))]
    ranks, before = (
        [pair for pair in _known_rows(scene, tile, rows) if pair[0] is not None and _number(pair[1].value)]
        for rows in found
    )
    places = {value: place for place, (value, _) in enumerate(before)}
    told = []
    for place, (value, row) in enumerate(ranks):
        own = bool(scene.of) and value == scene.of
        if place < tile.limit or own:
            rose = places[value] - place if value in places else None
            told.append(_bar(scene, tile, kpi, value, row) | {"place": place + 1, "rose": rose, "own": own})
    return _frame(scene, tile, kpi, now) | {"rows": told}


def funnel(scene: Scene, tile: Tile) -> Work:
    """Stages in their order: how many deals entered each in the period, and which share of them came further."""
    kpi = BY_ID[tile.kpi]
    now, _, _ = _periods(scene, tile)
    (found,) = yield [Want(kpi, (now,), (tile.by,), scene.where(tile, kpi))]
    rows = {cell[0]: row for cell, row in found[0].items()}
    order = [stage for stage in scene.known.stages if stage in rows]
    order += sorted(stage for stage in rows if stage is not None and stage not in order)
    told = [
        {"name": scene.name("stage", stage), "of": f"stage={stage}",
         "value": int(_number(rows[stage].parts["entered"])), "share": scene.shown(kpi, rows[stage].value)}
        for stage in order[: tile.limit]
    ]  # fmt: skip
    return _frame(scene, tile, kpi, now) | {"rows": told}


def bridge(scene: Scene, tile: Tile) -> Work:
    """What led from the same part of the period before to now: the difference of each of a dimension."""
    kpi = BY_ID[tile.kpi]
    if kpi.id in BRIDGES:
        return (yield from _parts(scene, tile, kpi))
    now, _, before = _periods(scene, tile)
    where = scene.where(tile, kpi)
    found, total = yield [Want(kpi, (now, before), (tile.by,), where), Want(kpi, (now, before), (), where)]
    cells = set(found[0]) | set(found[1])
    differences = {cell[0]: _of(found[0], cell) - _of(found[1], cell) for cell in cells}
    ranked = sorted(differences.items(), key=lambda pair: (-abs(pair[1]), pair[0] or ""))
    steps = [(scene.name(tile.by, value), _asked(scene, tile, value), change) for value, change in ranked[: tile.limit]]
    after, earlier = (rows[()].value for rows in total)
    if isinstance(after, Undefined) or isinstance(earlier, Undefined):
        return _frame(scene, tile, kpi, now) | {"from": None, "to": None, "rows": []}
    steps.sort(key=lambda step: -step[2])
    rest = after - earlier - sum(change for _, _, change in steps)
    told = [{"name": name, "of": of, "value": scene.shown(kpi, change)} for name, of, change in steps if change]
    told += [{"name": "…", "of": None, "value": scene.shown(kpi, rest)}] if rest else []
    return _frame(scene, tile, kpi, now) | {
        "start": scene.shown(kpi, earlier), "end": scene.shown(kpi, after), "rows": told, "last": before.label
    }  # fmt: skip


def _parts(scene: Scene, tile: Tile, kpi: Kpi) -> Work:
    """What led from the begin of the period to now, where the KPI itself says so: its parts, each with its sign."""
    now, _, _ = _periods(scene, tile)
    (found,) = yield [Want(kpi, (now,), (), scene.where(tile, kpi))]
    row = found[0][()]
    (start, _), *steps = _signed(kpi.formula, 1)
    told = [(part.name, sign * _number(row.parts[part.name])) for part, sign in steps]
    known = not any(isinstance(value, Undefined) for value in row.parts.values())
    return _frame(scene, tile, kpi, now) | {
        "start": scene.shown(kpi, row.parts[start.name]), "end": scene.shown(kpi, row.value), "last": None,
        "rows": [{"part": name, "value": scene.shown(kpi, value)} for name, value in told if value and known],
    }  # fmt: skip


def _signed(formula: Formula, sign: int) -> list[tuple[Part, int]]:
    """The parts of a sum, in order, each with whether it is added or taken away."""
    if isinstance(formula, Part):
        return [(formula, sign)]
    assert formula.operation in ("+", "-"), "a bridge is a sum"
    left, right = formula.operands
    return _signed(left, sign) + _signed(right, -sign if formula.operation == "-" else sign)


def _of(rows: dict[tuple[str | None, ...], Row], cell: tuple[str | None, ...]) -> Fraction:
    return _number(rows[cell].value) if cell in rows else Fraction(0)


def heat(scene: Scene, tile: Tile) -> Work:
    """When in the week: sums by weekday and hour over the last weeks, this one included."""
    kpi = BY_ID[tile.kpi]
    calendar = scene.known.calendar
    week = running("week", scene.now_ms, calendar)
    first = running("week", week.from_ms - (7 * (WEEKS - 1) - 1) * 24 * HOUR_MS, calendar).from_ms
    stretch = Period(f"{WEEKS} weeks", first, week.to_ms)
    hours, places = scene.hours(stretch)
    (found,) = yield [Want(kpi, (*hours,), where=scene.where(tile, kpi))]
    sums: dict[tuple[int, int], Fraction] = {}
    for place, rows in zip(places, found, strict=True):
        sums[place] = sums.get(place, Fraction(0)) + _number(rows[()].value)
    told = [[scene.shown(kpi, sums.get((day, hour), Fraction(0))) for hour in range(24)] for day in range(7)]
    return _frame(scene, tile, kpi, stretch) | {"period": "weeks", "weeks": WEEKS, "cells": told}


def table(scene: Scene, tile: Tile) -> Work:
    """Several KPIs for each of a dimension, ranked by the first."""
    kpis = [BY_ID[kpi] for kpi in tile.kpis]
    now, _, _ = _periods(scene, tile)
    found = yield [Want(kpi, (now,), (tile.by,), scene.where(tile, kpi)) for kpi in kpis]
    rows = _known_rows(scene, tile, found[0][0])[: tile.limit]
    told = [
        {"name": scene.name(tile.by, value), "of": _asked(scene, tile, value),
         "values": [_cell(scene, kpi, told[0], value) for kpi, told in zip(kpis, found, strict=True)]}
        for value, _ in rows
    ]  # fmt: skip
    columns = [{"kpi": k.id, "name": {"en": k.name.replace("_", " "), "zh": k.zh}, "unit": k.unit} for k in kpis]
    return _frame(scene, tile, kpis[0], now) | {"columns": columns, "rows": told}


def _cell(scene: Scene, kpi: Kpi, rows: dict[tuple[str | None, ...], Row], value: str | None) -> Any:
    row = rows.get((value,))
    return None if row is None else scene.shown(kpi, row.value)


def plain(scene: Scene, tile: Tile) -> Work:
    """A tile that is not about a KPI: the frame fills it in."""
    yield []
    return {}


TILES: Final[dict[str, Callable[[Scene, Tile], Work]]] = {
    "number": number, "trend": trend, "bars": bars, "leaders": leaders, "funnel": funnel, "bridge": bridge,
    "heat": heat, "table": table, "wins": plain, "health": plain,
}  # fmt: skip


def _worth(scene: Scene, amount: int, currency: str) -> Fraction:
    """An amount in the company's currency, at the latest rate; nothing where there is none."""
    own = scene.known.calendar.currency
    rate = Fraction(1) if currency == own else scene.known.rates.get(currency, Fraction(0))
    return Fraction(major(amount, currency)) * rate


def wins(rows: Sequence[tuple[Any, ...]], scene: Scene) -> list[Told]:
    """The wins that were learned last and stand."""
    return list(_wins(rows, scene))


def _wins(rows: Sequence[tuple[Any, ...]], scene: Scene) -> Iterator[Told]:
    for deal, learned, at_ms, amount, currency, rep, region in rows:
        if currency:
            name = scene.known.called(rep, scene.privacy, scene.of) if rep else None
            yield {"deal": deal, "position": learned, "time": to_text(at_ms), "amount": major(amount, currency),
                   "currency": currency, "rep": name, "region": region or None,
                   "large": _worth(scene, amount, currency) >= Fraction(scene.board.celebrate)}  # fmt: skip
