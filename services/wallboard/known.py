"""What a frame knows beside numbers: definitions, targets, and how stages and reps are called, as of a cut."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Final

from events.codec import read
from events.corrections import EventVoided
from events.envelope import to_text
from events.erasures import SubjectErased
from events.people import RepAssigned
from events.planning import PipelineDefined, TargetSet
from events.vocabulary import BY_TYPE
from projections.books.shelf import order
from projections.definitions import KINDS, Calendar, Definitions
from projections.periods import Period
from services.books import Books
from services.journal.port import Cut
from services.store.clickhouse import as_entry
from services.wallboard.privacy import Privacy

_TOLD: Final = frozenset({*KINDS, TargetSet.KIND, SubjectErased.KIND})
"""Kinds of which a new event may change what is known."""
_SCOPES: Final = {"rep_id": "rep", "team_id": "team", "region": "region", "product": "product", "": "company"}
"""What a target is for, by the dimension that a board or a tile is filtered by."""


@dataclass(frozen=True)
class Known:
    """What is known at a cut."""

    definitions: Definitions
    since_ms: int
    """When the first event was recorded."""
    reps: Mapping[str, str]
    """Names of reps, where they were told."""
    stages: Mapping[str, str]
    """Names of stages, in the order of their pipelines; the id where none was told."""
    targets: Mapping[tuple[str, str, str, str], tuple[Decimal, str | None]]
    """By (kpi, period, scope, of what): the value and its currency."""

    @cached_property
    def rates(self) -> dict[str, Fraction]:
        """The latest rate of the day of each currency into the company's."""
        return {base: rates[-1][1] for base, rates in self.definitions.rates(self.calendar.currency).items()}

    @property
    def calendar(self) -> Calendar:
        """The tenant's days and currency."""
        return self.definitions.calendar

    def target(self, kpi: str, period: Period, where: tuple[tuple[str, tuple[str, ...]], ...]) -> Decimal | None:
        """What is to be reached, where that was said in the company's currency, or in none."""
        if len(where) > 1 or (where and (where[0][0] not in _SCOPES or len(where[0][1]) != 1)):
            return None
        scope, of = (_SCOPES[where[0][0]], where[0][1][0]) if where else ("company", "")
        value, currency = self.targets.get((kpi, period.label, scope, of), (None, None))
        return value if currency in (None, self.calendar.currency) else None

    def heads(self, dimension: str, at_ms: int) -> dict[str, int]:
        """How many reps are in place then, by their team, region or manager."""
        found: dict[str, int] = {}
        for stint in self.definitions.stints:
            if stint.from_ms <= at_ms and (stint.to_ms is None or at_ms < stint.to_ms):
                value = getattr(stint, dimension)
                found[value] = found.get(value, 0) + 1
        return found

    def called(self, rep: str, privacy: Privacy, own: str = "") -> str | None:
        """How a rep is called on the wall; None: not at all."""
        name = self.reps.get(rep) or rep
        match privacy.names:
            case "full":
                return name
            case "initials":
                return rep if name == rep else initials(name)
            case "alias":
                return privacy.aliases.get(rep, rep)
            case "id":
                return rep
            case "own":
                return name if rep == own else None
            case "off":
                return None


class Knowing:
    """What is known, from one cut to the next; read again only where something of it is new."""

    def __init__(self) -> None:
        self._known: Known | None = None
        self._position = -1

    def at(self, books: Books, cut: Cut) -> Known:
        """What is known at a cut."""
        if self._known is None or cut.position < self._position or self._is_new(books, cut):
            self._known = _read(books, cut)
        self._position = cut.position
        return self._known

    def _is_new(self, books: Books, cut: Cut) -> bool:
        if cut.position == self._position:
            return False
        news = books.news(self._position, cut.position)
        return news is None or not news.books.isdisjoint(_TOLD)


def _read(books: Books, cut: Cut) -> Known:
    definitions = books.definitions(cut.position)
    rows = books.query(
        "SELECT count(), min(recorded_ms) FROM {history} WHERE tenant = {tenant:String}", {"tenant": books.tenant}
    )
    return Known(
        definitions,
        rows[0][1] if rows[0][0] else 0,
        _reps(books, definitions),
        _stages(definitions),
        _targets(books, cut, definitions),
    )


def _reps(books: Books, definitions: Definitions) -> dict[str, str]:
    """Names of reps, the latest that was told, as far as they were not erased."""
    told = [fact for fact in definitions.of_kind(RepAssigned.KIND) if isinstance(fact.data, RepAssigned)]
    opened = {entry.position: read(books.opened(entry)).data for entry in books.at(fact.position for fact in told)}
    named = [opened.get(fact.position) for fact in told]
    return {each.rep_id: each.name for each in named if isinstance(each, RepAssigned) and each.name}


def _stages(definitions: Definitions) -> dict[str, str]:
    found: dict[str, str] = {}
    for fact in definitions.of_kind(PipelineDefined.KIND):
        assert isinstance(fact.data, PipelineDefined)
        told = {stage.stage: stage.name or stage.stage for stage in fact.data.stages}
        found = told | {stage: name for stage, name in found.items() if stage not in told}
    return found


def _targets(
    books: Books, cut: Cut, definitions: Definitions
) -> dict[tuple[str, str, str, str], tuple[Decimal, str | None]]:
    rows = books.query(
        "SELECT position, recorded_ms, source, id, type, at_ms, entity, body FROM {history} "
        "WHERE tenant = {tenant:String} AND book = 'target' AND position <= {cut:UInt64} AND parked = ''",
        {"tenant": books.tenant, "cut": cut.position},
    )
    entries = (as_entry(books.tenant, row) for row in rows)
    facts = sorted((read(entry) for entry in entries if entry.type in BY_TYPE), key=order)
    found: dict[tuple[str, str, str, str], tuple[Decimal, str | None]] = {}
    for fact in facts:
        target = fact.data
        if isinstance(target, EventVoided) or (fact.source, fact.id) in definitions.voided:
            continue
        assert isinstance(target, TargetSet), "its book is of nothing else"
        key = target.kpi, str(target.period), target.scope, target.scope_id or ""
        found[key] = Decimal(str(target.value)), target.currency
    return found


def initials(name: str) -> str:
    """``L. N.`` of Li Na; of a Chinese name the family name: ``李*``."""
    words = name.split()
    if len(words) == 1 and not name.isascii():
        return f"{name[0]}*"
    return " ".join(f"{word[0].upper()}." for word in words)


def pace(period: Period, at_ms: int, calendar: Calendar) -> Fraction:
    """Which share of a period's working time is over; of its time, where it has no working day."""
    if at_ms >= period.to_ms:
        return Fraction(1)
    first, today, end = (calendar.day(each) for each in (period.from_ms, at_ms, period.to_ms))
    days = calendar.working_days(first, end)
    if not days:
        return Fraction(at_ms - period.from_ms, period.to_ms - period.from_ms)
    midnight = calendar.midnight(today)
    part = Fraction(at_ms - midnight, 86_400_000) if calendar.is_working(today) else Fraction(0)
    return min(Fraction(1), (calendar.working_days(first, today) + part) / days)


def as_text(at_ms: int) -> str | None:
    """A moment as frames tell it; None where there is none yet."""
    return to_text(at_ms) if at_ms else None
