"""Why a number changed between two cuts: by cause, the effects adding up to the difference exactly.

The way from one cut to the other is walked in steps: time passes, then each kind of definition changes, then the facts
come in. What the facts did is told by the events whose contribution differs, each put to its cause. A step's effect is
the number after it less the number before it, so nothing is left over, whatever the formula.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from events.corrections import EventVoided
from events.deals import DealReopened, DealUpdated
from events.envelope import Fact
from projections.ask import Asker, Cell, Run
from projections.definitions import Definitions
from projections.formula import RANKED, Undefined, Value
from projections.question import BadQuestion, Question
from projections.receipt import Receipts

DEFINED: Final = {
    "calendar": "calendar_definition",
    "rates": "exchange_rate",
    "pipeline": "pipeline_definition",
    "rep": "organisation",
    "target": "target",
}
"""Kinds of definition, and what their changing is called; in the order in which they are taken."""
TOLD: Final = ("new_facts", "late_facts", "corrections", "owner", "reopened", "voided", "consequences")
"""Causes among the facts, in the order in which they are taken."""
CAUSES: Final = ("time_passed", *DEFINED.values(), *TOLD, "several")

_NOTHING: Final = Undefined("no_data")
Deltas = dict[int, dict[str, Fraction]]
"""By how much the contribution of each event to each part changed."""


@dataclass(frozen=True)
class Look:
    """The number as one step has it."""

    value: Value
    parts: Mapping[str, Value]
    cell: Cell | None = None
    """None where there is no row for it yet."""


@dataclass
class Cause:
    """What one cause did to the number, to its parts, and through which events."""

    name: str
    effect: Fraction = Fraction(0)
    parts: dict[str, Fraction] = field(default_factory=dict)
    events: Deltas = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A number at two cuts and the causes of the difference."""

    before: Look
    after: Look
    causes: list[Cause]

    @property
    def difference(self) -> Fraction | None:
        """None where the number was undefined at one of the cuts."""
        if isinstance(self.before.value, Undefined) or isinstance(self.after.value, Undefined):
            return None
        return self.after.value - self.before.value


@dataclass(frozen=True)
class Restated:
    """A line that came in between the cuts: the event it belongs to, the one that caused it, and its outcome."""

    event: int
    position: int
    outcome: str


def steps(
    ask: Callable[[bool, bool, Definitions], Asker], old: Definitions, new: Definitions, aims: bool = False
) -> list[tuple[str, Asker]]:
    """The askers on the way, each with the cause that led to it; the last has the new facts.

    ``ask`` makes one of: whether the time is the later one, whether the facts are the later ones, the definitions.
    ``aims``: targets matter, too.
    """
    found = [("", ask(False, False, old)), ("time_passed", ask(True, False, old))]
    held = old
    for kind, name in DEFINED.items():
        if kind == "target" and not aims:
            continue
        if held.of_kind(kind) != new.of_kind(kind):
            held = held.taking(kind, new)
            found.append((name, ask(True, False, held)))
    return [*found, ("", ask(True, True, new))]


def changed(
    run: Run,
    way: Sequence[tuple[str, Asker]],
    question: Question,
    causes_of: Callable[[Iterable[int]], dict[int, str]],
) -> Change:
    """The change of one cell. ``causes_of`` names the cause for each event whose contribution changed.

    Raises BadQuestion where the question names more or less than one cell.
    """
    looks = [_look(asker, question) for _, asker in way]
    causes = []
    for (name, _), before, after in zip(way[1:-1], looks, looks[1:-1], strict=False):
        causes.append(Cause(name, parts=_difference(before.parts, after.parts)))
    walked = [look.value for look in looks[:-1]]
    cell = next((look.cell for look in reversed(looks) if look.cell is not None), ())
    deltas = _deltas(run, way[-2][1], way[-1][1], question, cell)
    grouped: dict[str, Deltas] = {}
    named = causes_of(deltas)
    for event, told in deltas.items():
        grouped.setdefault(named[event], {})[event] = told
    before, after = looks[-2], looks[-1]
    groups = _groups(question, grouped, _difference(before.parts, after.parts))
    parts = dict(before.parts)
    for group in groups[:-1]:
        for name, added in group.parts.items():
            known = parts[name]
            parts[name] = added if isinstance(known, Undefined) else known + added
        walked.append(question.kpi.formula.value(parts))
    causes += groups
    if groups:
        walked.append(after.value)
    _walk(causes, walked)
    return Change(looks[0], after, [cause for cause in causes if cause.effect or any(cause.parts.values())])


def _walk(causes: Sequence[Cause], values: Sequence[Value]) -> None:
    """The effect of each cause: what the number became, less what it was. Where it is undefined on the way, what was
    done until it is defined again counts for the cause that made it so."""
    last = values[0]
    for cause, value in zip(causes, values[1:], strict=True):
        if not isinstance(value, Undefined):
            if not isinstance(last, Undefined):
                cause.effect = value - last
            last = value


def _groups(question: Question, grouped: Mapping[str, Deltas], whole: Mapping[str, Fraction]) -> list[Cause]:
    """The causes among the facts, each with its part of ``whole``. What cannot be told apart is one cause."""
    told = [Cause(name, parts=_total(grouped[name].values()), events=grouped[name]) for name in TOLD if name in grouped]
    if not told:
        return [Cause("several", parts=dict(whole))] if any(whole.values()) else []
    names = {part.name for part in question.kpi.parts}
    apart = all(part.stat not in RANKED for part in question.kpi.parts)
    if apart and all(sum(cause.parts.get(name, 0) for cause in told) == whole.get(name, 0) for name in names):
        return told
    events = {event: deltas for cause in told for event, deltas in cause.events.items()}
    return [Cause(told[0].name if len(told) == 1 else "several", parts=dict(whole), events=events)]


def cause_of(fact: Fact, outcomes: Iterable[str], since_ms: int) -> str:
    """The cause that an event is: by what it says, what it did to lines, and whether it is older than ``since_ms``."""
    told = fact.data
    if isinstance(told, EventVoided):
        return "voided"
    if isinstance(told, DealReopened) and "taken_back" in outcomes:
        return "reopened"
    if isinstance(told, DealUpdated):
        owner = any(value is not None for value in (told.rep_id, told.team_id, told.region))
        return "owner" if owner and told.amount is None else "corrections"
    if "corrected" in outcomes:
        return "corrections"
    return "late_facts" if fact.at_ms <= since_ms else "new_facts"


def causes(
    events: Iterable[int], restated: Iterable[Restated], facts: Mapping[int, Fact], since: tuple[int, int]
) -> dict[int, tuple[str, int]]:
    """The cause for each event whose contribution changed, with the position of the event that is it, or 0.

    ``since`` is the earlier cut, position and recorded time; ``restated`` are the lines after it that belong to the
    events or their causes; ``facts`` those events and the ones that caused such lines. A new event that posted lines
    when it was told is its own cause, whatever moved these later. An old event without such lines counts otherwise
    only in consequence of others: it is no longer the first purchase, say.
    """
    position, recorded_ms = since
    outcomes: dict[int, set[str]] = {}
    by: dict[int, int] = {}
    own: set[int] = set()
    for line in restated:
        outcomes.setdefault(line.position, set()).add(line.outcome)
        by[line.event] = max(by.get(line.event, 0), line.position)
        if line.event == line.position:
            own.add(line.event)
    found = {}
    for event in events:
        cause = event if event in own or (event > position and event not in by) else by.get(event, 0)
        fact = facts.get(cause)
        name = "consequences" if fact is None else cause_of(fact, outcomes.get(cause, ()), recorded_ms)
        found[event] = name, cause
    return found


def _look(asker: Asker, question: Question) -> Look:
    rows = asker.answer(question).rows
    if len(rows) > 1:
        raise BadQuestion(
            "question", f"names {len(rows)} cells; allowed: one, narrowed by --where, --from, --to and --grain"
        )
    if rows:
        return Look(rows[0].value, rows[0].parts, rows[0].cell)
    return Look(_NOTHING, {part.name: Fraction(0) for part in question.kpi.parts})


def _deltas(run: Run, before: Asker, after: Asker, question: Question, cell: Cell) -> Deltas:
    """By how much each event's contribution changed, events of which none did left out. The definitions are the same,
    and no line is ever changed: what adds lines differs by those that came in."""

    def contributions(asker: Asker, since: int = 0) -> Deltas:
        periods = asker.periods(question)
        if not periods or len(cell) != len(question.by):
            return {}
        return Receipts(asker, question, since).contributions(run, periods[0], cell)

    if question.kpi.adds_lines and before.periods(question) == after.periods(question):
        told: tuple[Deltas, Deltas] = {}, contributions(after, before.position)
    else:
        told = contributions(before), contributions(after)
    found: Deltas = {}
    for event in sorted(told[0].keys() | told[1].keys()):
        delta = _difference(told[0].get(event, {}), told[1].get(event, {}))
        if any(delta.values()):
            found[event] = delta
    return found


def _difference(before: Mapping[str, Value], after: Mapping[str, Value]) -> dict[str, Fraction]:
    """After less before, of what is defined; what is not counts as nothing."""
    found = {}
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, Fraction(0)), after.get(name, Fraction(0))
        old, new = (Fraction(0) if isinstance(value, Undefined) else value for value in (old, new))
        found[name] = new - old
    return found


def _total(deltas: Iterable[Mapping[str, Fraction]]) -> dict[str, Fraction]:
    total: dict[str, Fraction] = {}
    for delta in deltas:
        for name, added in delta.items():
            total[name] = total.get(name, Fraction(0)) + added
    return total
