"""Questions answered by the oracle, row by row."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from events.envelope import Fact
from tests.oracle import goals
from tests.oracle.catalogue import FORMULAS, PARTS
from tests.oracle.days import BEGINNING, END
from tests.oracle.past import Dims, Past
from tests.oracle.window import Cell, Query, Story, Value, Window, buyers, combined, no, standing


@dataclass(frozen=True)
class Row:
    """One row of an answer, exact."""

    period: str
    cell: Cell
    value: Value
    parts: dict[str, Value]

    def is_nothing(self) -> bool:
        """Whether nothing lies behind it."""
        settings = ("lifespan_years",)
        known = [value for name, value in self.parts.items() if name not in settings]
        return all(value == 0 or value in (no("no_data"), no("no_target"), no("zero_denominator")) for value in known)


def cells_of(story: Story, query: Query, windows: Sequence[Window]) -> list[Cell]:
    """Every cell that anything at all could fall into."""
    if query.kpi in goals.PARTS:
        own = tuple(name for name in query.by if name != "kpi")
        inner = _cells(story, [replace(window, own) for window in windows])
        return list(dict.fromkeys(cell for window in windows for cell in goals.cells(window, inner)))
    return _cells(story, windows)


def replace(window: Window, by: tuple[str, ...]) -> Window:
    """The same by other dimensions."""
    return Window(window.story, dataclasses.replace(window.query, by=by), window.stretch, window.lifespan_years)


def _cells(story: Story, windows: Sequence[Window]) -> list[Cell]:
    if not windows or not windows[0].query.by:
        return [()]
    dims: list[Dims] = [line.dims for line in story.lines]
    dims += [span.dims for span in story.spans]
    dims += [entry.dims for deal in story.deals for entry in deal.entries]
    dims += [exit_.dims for deal in story.deals for exit_ in deal.exits]
    dims += [flow.dims for flow in story.flows]
    dims += [training.dims for training in story.trainings]
    dims += [answer.dims for answer in story.answers]
    dims += [stint.dims for stint in story.past.stints()]
    for window in windows:
        dims += [at for at, _ in standing(window, window.stretch.start)]
        dims += [at for at, _ in standing(window, window.year.start)]
        dims += [at for _, at in buyers(window, BEGINNING)]
    return sorted({windows[0].cell(each) for each in dims}, key=lambda cell: [value or "" for value in cell])


def ask(
    facts: Sequence[Fact], query: Query, timezone: str = "UTC", currency: str = "CNY", lifespan_years: int = 5
) -> list[Row]:
    """The rows of the answer. Grains other than total need ``from_`` and ``to``."""
    past = Past(facts, cut(facts, query, timezone, currency), timezone, currency)
    start = BEGINNING if query.from_ is None else past.days.moment(query.from_)
    end = END if query.to is None else past.days.moment(query.to)
    past.org, past.fx = query.org, query.fx
    query = goals.of_reps(past, query, end)
    story = Story(past)
    stretches = past.days.periods(query.grain, start, end)
    windows = [Window(story, query, stretch, lifespan_years) for stretch in stretches]
    rows = []
    for window in windows:
        for cell in cells_of(story, query, windows):
            parts = {name: part(window, cell) for name, part in PARTS[query.kpi].items()}
            value = combined(FORMULAS[query.kpi], *parts.values())
            rows.append(Row(window.stretch.label, cell, value, parts))
    return rows


def cut(facts: Sequence[Fact], query: Query, timezone: str, currency: str) -> int:
    """The position a question is asked at."""
    latest = max((fact.position for fact in facts), default=0)
    if query.as_of is None:
        return latest
    if query.as_of.isdecimal():
        return int(query.as_of)
    moment = Past(facts, latest, timezone, currency).days.moment(query.as_of)
    return max((fact.position for fact in facts if fact.recorded_ms <= moment), default=0)
