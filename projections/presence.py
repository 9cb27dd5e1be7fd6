"""Reps in place: the working days that each was there, by periods and cells."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from projections.attainment import Place
from projections.definitions import Calendar, Definitions, Stint
from projections.formula import Value
from projections.periods import FOREVER
from projections.plan import Span
from projections.question import Question


def rep_days(question: Question, windows: Sequence[Span], definitions: Definitions, now_ms: int) -> dict[Place, Value]:
    """Reps in place times working days, by window. A day on which a rep moved counts for where it moved to."""
    found: dict[Place, int] = {}
    for place, _, days in stint_days(question, windows, definitions, now_ms):
        found[place] = found.get(place, 0) + days
    return {place: Fraction(days) for place, days in found.items()}


def stint_days(
    question: Question, windows: Sequence[Span], definitions: Definitions, now_ms: int
) -> Iterable[tuple[Place, Stint, int]]:
    """The working days of each stint in each window."""
    calendar = definitions.calendar
    wanted = dict(question.where)
    days_of = [_days(window, now_ms, calendar) for window in windows]
    for stint, after in zip(definitions.stints, [*definitions.stints[1:], None], strict=False):
        if any((getattr(stint, name) or "") not in values for name, values in wanted.items()):
            continue
        until = now_ms + 1 if stint.to_ms is None else min(stint.to_ms, now_ms + 1)
        if until <= stint.from_ms:
            continue
        first, end = calendar.day(stint.from_ms).toordinal(), calendar.day(until - 1).toordinal() + 1
        if after is not None and after.rep_id == stint.rep_id:
            end = min(end, calendar.day(after.from_ms).toordinal())
        cell = tuple(getattr(stint, name) or None for name in question.by)
        for number, (low, high) in enumerate(days_of):
            since, upto = max(first, low), min(end, high)
            if since < upto and (days := calendar.worked(upto) - calendar.worked(since)):
                yield (number, cell), stint, days


def _days(window: Span, now_ms: int, calendar: Calendar) -> tuple[int, int]:
    """The days of a window, up to today: the first, and the one after the last (``date.toordinal``)."""
    first = 1 if window.start == FOREVER[0] else calendar.day(window.start).toordinal()
    return first, calendar.day(min(window.end, now_ms + 1) - 1).toordinal() + 1
