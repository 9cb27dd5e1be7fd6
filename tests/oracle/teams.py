"""Teamwork and training, for the oracle."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final

from tests.oracle.activities import Training
from tests.oracle.kpis import count, everyone, surveys
from tests.oracle.window import Cell, Part, Value, Window

SPAN: Final = 90 * 86_400_000


def millionths(share: Fraction) -> int:
    """A share as it is kept: in millionths, half-even."""
    return round(share * 1_000_000)


def agreement(window: Window, cell: Cell) -> Value:
    """Answers about collaboration, added up."""
    start, end = window.stretch.start, window.stretch.end
    own = [each for each in window.story.answers if each.kind == "collaboration" and start <= each.at < end]
    return Fraction(sum(millionths(each.share) for each in own if window.within(cell, each.dims)))


def shared(window: Window, cell: Cell) -> Value:
    """Wins of the period that were not the work of one rep alone."""
    deals = {deal.id: deal for deal in window.story.deals}
    total = Fraction(0)
    for line in window.lines(cell, ("cycle_n",)):
        deal, _, won = line.who.rpartition("@")
        total += line.number * deals[deal].shared(int(won))
    return total


def trainings(window: Window, cell: Cell, over: bool = True) -> list[Training]:
    """Trainings of the period whose 90 days are over, or are not."""
    start, end = window.stretch.start, window.stretch.end
    own = [each for each in window.story.trainings if start <= each.at < end and window.within(cell, each.dims)]
    return [each for each in own if (each.at + SPAN <= window.past.recorded_ms) == over]


def others(window: Window, training: Training) -> Iterator[str]:
    """The reps in place at a training who completed none within 90 days."""
    near = {x.rep_id for x in window.story.trainings if training.at - SPAN <= x.at < training.at + SPAN}
    for stint in window.past.stints():
        here = stint.since <= training.at and (stint.until is None or stint.until > training.at)
        if here and stint.rep_id not in near:
            yield stint.rep_id


def change(window: Window, training: Training, rep: str) -> list[tuple[Fraction, str, int]]:
    """What a rep sold in the 90 days after a training, less what in the 90 days before."""
    found = []
    for line in window.story.lines:
        if line.what == "bookings" and line.dims.get("rep_id") == rep:
            if training.at <= line.at < training.at + SPAN:
                found.append((line.number, line.currency, line.at))
            if training.at - SPAN <= line.at < training.at:
                found.append((-line.number, line.currency, line.at))
    return found


def own_change(window: Window, cell: Cell) -> Value:
    """Of the trained."""
    return window.money([x for each in trainings(window, cell) for x in change(window, each, each.rep_id)])


def other_change(window: Window, cell: Cell) -> Value:
    """Of those beside them."""
    pairs = [(each, rep) for each in trainings(window, cell) for rep in others(window, each)]
    return window.money([x for each, rep in pairs for x in change(window, each, rep)])


def gains(window: Window, cell: Cell) -> list[Fraction]:
    """What was gained in the trainings of the period that were measured."""
    every = trainings(window, cell) + trainings(window, cell, over=False)
    return [each.gain for each in every if each.gain is not None]


PARTS: Final[dict[str, dict[str, Part]]] = {
    "shared_wins": {"shared": shared, "won": count("cycle_n")},
    "collaboration_score": {"shares_ppm": agreement, "answers": surveys("collaboration", everyone)},
    "training_gain": {
        "gains_ppm": lambda window, cell: Fraction(sum(map(millionths, gains(window, cell)))),
        "trainings": lambda window, cell: Fraction(len(gains(window, cell))),
    },
    "training_effect": {
        "trained_change": own_change,
        "trainings": lambda window, cell: Fraction(len(trainings(window, cell))),
        "untrained_change": other_change,
        "untrained": lambda window, cell: Fraction(
            sum(len(list(others(window, each))) for each in trainings(window, cell))
        ),
        "open": lambda window, cell: Fraction(len(trainings(window, cell, over=False))),
    },
}
"""KPI to its parts, in the order in which its formula takes them."""
FORMULAS: Final[dict[str, Callable[..., Fraction]]] = {
    "shared_wins": lambda part, whole: part / whole,
    "collaboration_score": lambda total, n: total / n / 10_000,
    "training_gain": lambda total, n: total / n / 10_000,
    "training_effect": lambda own, n, other, m, _: own / n - other / m,
}
"""KPI to its formula over its parts."""
