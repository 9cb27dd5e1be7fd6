"""What a receipt lists, in statements: the events that count with what each adds, and whose histories they stand in.

The engine adds up what each event adds, exactly, and puts the events in order, so a page is read without the rest. All
is reckoned in whole numbers over one denominator for each part.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm
from typing import Any, Final

from projections.formula import Unit
from projections.plan import Select
from projections.sources import Source

Key = tuple[str, str]
"""An entity: its book and id."""
Contributions = dict[int, dict[str, Fraction]]
"""Event to what it adds to each part, exact."""
Reasons = list[tuple[int, str]]
"""By number: the branch whose events are left out, and why."""

_NOTHING: Final = "toInt256(0)"


@dataclass(frozen=True)
class Added:
    """What the rows of a branch add to one number of the receipt: a whole number for each row, times a factor."""

    name: str
    event: str
    """The column of the event."""
    sql: str
    factor: Fraction


@dataclass(frozen=True)
class Branch:
    """The rows of some parts, whose evidence lies in the same rows, and what they add."""

    source: Source
    rows: Select
    """As ``Planner.listed`` gives them."""
    whose: Select
    added: Sequence[Added]
    foreign: str
    """Whether a row is of another currency than the answer."""
    base: Mapping[str, Any]
    left_out: Sequence[tuple[Select, str]]
    """Events that might be expected here but do not count, and why."""
    family: int = 0
    """The same for all branches of one KPI."""


@dataclass(frozen=True)
class Listed:
    """An event as the engine lists it."""

    event: int
    adds: Mapping[str, Fraction]
    """What it adds, of that which is not nothing."""
    keys: Sequence[tuple[int, str, str, str]]
    """Where it was found: the number of the branch, book, entity, customer."""


@dataclass(frozen=True)
class Found:
    """Events in order, those that count first, and what is known of all of them."""

    events: Sequence[Listed]
    counted: int
    """How many count in all."""
    every: int
    """How many there are, with those that came to nothing."""
    foreign: bool
    """Whether any amount was of another currency."""
    complete: bool
    """Whether ``events`` are all of them."""


@dataclass
class Listing:
    """Everything that the receipt of one cell lists, to be read page by page."""

    branches: list[Branch] = field(default_factory=list)
    told: Contributions = field(default_factory=dict)
    """What was found without the engine."""
    entities: set[Key] = field(default_factory=set)
    """Whose histories that is about."""
    definitions: set[str] = field(default_factory=lambda: {"calendar"})
    """The kinds of definition that were used."""
    measures: set[str] = field(default_factory=set)
    """Of the lines that were read."""
    units: dict[str, Unit] = field(default_factory=dict)
    """Of parts that are those of another KPI."""

    def add(self, event: int, part: str, value: Fraction) -> None:
        """A contribution that was found without the engine; also one of nothing."""
        told = self.told.setdefault(event, {})
        told[part] = told.get(part, Fraction(0)) + value

    def take(self, other: "Listing") -> None:
        """With all that another one lists, whose KPI is another one."""
        family = 1 + max((branch.family for branch in self.branches), default=0)
        self.branches += [replace(branch, family=family) for branch in other.branches]
        for event, adds in other.told.items():
            for name, value in adds.items():
                self.add(event, name, value)
        self.entities |= other.entities
        self.definitions |= other.definitions
        self.measures |= other.measures

    def as_part(self, name: str, shares: Mapping[str, Fraction]) -> "Listing":
        """The same as one number, of which each of its own is a share."""
        branches = [
            replace(each, added=[replace(one, name=name, factor=one.factor * shares[one.name]) for one in each.added])
            for each in self.branches
        ]
        assert not self.told, "what adds up is read by the engine"
        return replace(self, branches=branches)

    def events(self, after: int = 0, most: int | None = None, keys: bool = True) -> Select:
        """Rows of (event, which branches and whose, counted in all, there in all, foreign, numbers…) of the events that
        count after a position, in order; or at most so many, and from the beginning then also those that do not."""
        text, numbers = Text(), range(len(self._names))
        counts = " OR ".join([*(["max(plain)"] if self.told else []), *(f"sum{n} != 0" for n in numbers)]) or "0"
        told = ["event", f"{'groupUniqArrayArray(whose)' if keys else '[]'} AS held"]
        told += ["countIf(counts) OVER () AS counted", "count() OVER () AS every", "max(max(foreign)) OVER () AS other"]
        told += [f"sum(n{place}) AS sum{place}" for place in numbers]
        qualify = "QUALIFY counts AND event > {after:UInt64}" if after or most is None else ""
        sql = f"""
            SELECT {", ".join(told)}, {counts} AS counts FROM ({self._union(text, keys)}) GROUP BY event
            {qualify} ORDER BY counts DESC, event"""
        limit = " LIMIT {most:UInt64}" if most is not None else ""
        return Select(sql + limit, text.parameters | {"after": after, "most": most})

    def found(self, rows: Sequence[Sequence[Any]], whole: bool = True) -> Found:
        """What the rows of that statement say; ``whole``: it was asked from the beginning."""
        if not rows:
            return Found([], 0, 0, False, whole)
        names, events = list(self._names.items()), []
        for event, keys, _, _, _, *numbers, _ in rows:
            adds = {name: Fraction(n, scale) for (name, scale), n in zip(names, numbers, strict=True) if n}
            for name, value in self.told.get(event, {}).items():
                adds[name] = adds.get(name, Fraction(0)) + value
            events.append(Listed(event, {name: value for name, value in adds.items() if value}, keys))
        return Found(events, rows[0][2], rows[0][3], bool(rows[0][4]), whole and rows[0][3] == len(rows))

    def counted(self, text: "Text") -> str:
        """A SELECT of the events that count."""
        counts = " OR ".join(["max(plain)", *(f"sum(n{place}) != 0" for place in range(len(self._names)))])
        return f"SELECT event FROM ({self._union(text, keys=False)}) GROUP BY event HAVING {counts}"

    def touched(self, after: int, most: int) -> Select:
        """Rows of the first so many events after a position that have lines in the cell."""
        text = Text()
        sql = f"SELECT DISTINCT event FROM ({self._union(text, keys=False)}) WHERE event > {{after:UInt64}}"
        return Select(f"{sql} ORDER BY event LIMIT {{most:UInt64}}", text.parameters | {"after": after, "most": most})

    def reached(self, events: Sequence[int]) -> Select:
        """Rows of (event, branches) of those among these events that have lines in the cell."""
        text = Text()
        sql = f"""
            SELECT event, groupUniqArrayArray(arrayMap(each -> each.1, whose)) FROM ({self._union(text)})
            WHERE event IN {{events:Array(UInt64)}} GROUP BY event"""
        return Select(sql, text.parameters | {"events": list(events)})

    def left_out(self, events: Sequence[int] = (), after: int = 0, most: int = 0) -> tuple[Select | None, Reasons]:
        """Rows of (event, number) of those among these events, or of the first so many after a position, that might be
        expected but do not count; and for each number the branch and the reason."""
        text, selects = Text(), []
        reasons: Reasons = []
        for number, branch in enumerate(self.branches):
            for select, reason in branch.left_out:
                selects.append(f"SELECT event, {len(reasons)} AS number FROM ({text.taken(select)})")
                reasons.append((number, reason))
        if not selects:
            return None, []
        sql, most = f"SELECT * FROM ({' UNION ALL '.join(selects)}) WHERE event", most * len(selects)
        if events:
            return Select(f"{sql} IN {{events:Array(UInt64)}}", text.parameters | {"events": list(events)}), reasons
        sql += " > {after:UInt64} ORDER BY event LIMIT {most:UInt64}"
        return Select(sql, text.parameters | {"after": after, "most": most}), reasons

    def keys(self, text: "Text", known: Iterable[tuple[int, str, str, str]] | None) -> str:
        """A SELECT of (book, entity) of all histories that the receipt lists events of; ``known`` are the keys of all
        events of the branches, where these are known."""
        held: dict[int, set[tuple[str, str, str]]] | None = None
        if known is not None:
            held = {}
            for number, *key in known:
                held.setdefault(number, set()).add((key[0], key[1], key[2]))
        plain = {(book, entity) for keys in (held or {}).values() for book, entity, _ in keys} | self.entities
        books, entities = text.named(books=[book for book, _ in plain], entities=[entity for _, entity in plain])
        pairs = f"arrayJoin(arrayZip({{{books}:Array(String)}}, {{{entities}:Array(String)}}))"
        selects = [f"SELECT toString(pair.1) AS book, pair.2 AS entity FROM (SELECT {pairs} AS pair)"]
        for number, branch in enumerate(self.branches):
            whose = text.taken(branch.whose) if held is None else ""
            if held is None:
                selects.append(f"SELECT toString(its_0) AS book, its_1 AS entity FROM ({whose})")
            if branch.source.related:
                selects.append(_related(branch, text, whose, None if held is None else held.get(number, set())))
            selects += [
                f"SELECT toString(book) AS book, entity FROM ({text.taken(each)})" for each, _ in branch.left_out
            ]
        return " UNION ALL ".join(selects)

    @property
    def _names(self) -> dict[str, int]:
        """The numbers that the branches add to, each with its denominator."""
        found: dict[str, int] = {}
        for branch in self.branches:
            for each in branch.added:
                found[each.name] = lcm(found.get(each.name, 1), each.factor.denominator)
        return found

    def _union(self, text: "Text", keys: bool = True) -> str:
        """Rows of (event, whose, foreign, whether it counts by itself, numbers…) of all branches."""
        names = self._names
        selects = [self._branch(number, branch, names, text, keys) for number, branch in enumerate(self.branches)]
        if self.told or not selects:
            told, counts = text.named(
                told=list(self.told), counts=[int(any(adds.values())) for adds in self.told.values()]
            )
            pairs = f"arrayJoin(arrayZip({{{told}:Array(UInt64)}}, {{{counts}:Array(UInt8)}}))"
            nothing = "".join(f", {_NOTHING} AS n{place}" for place in range(len(names)))
            whose = "CAST([], 'Array(Tuple(UInt16, String, String, String))')" if keys else "[]"
            selects.append(
                f"SELECT pair.1 AS event, {whose} AS whose, toUInt8(0) AS foreign, pair.2 AS plain{nothing} "
                f"FROM (SELECT {pairs} AS pair)"
            )
        return " UNION ALL ".join(selects)

    @staticmethod
    def _branch(number: int, branch: Branch, names: Mapping[str, int], text: "Text", keys: bool) -> str:
        place = {name: n for n, name in enumerate(names)}
        at_event: dict[str, dict[int, list[str]]] = {}
        numbers = []
        once = any(" OVER " in each.sql for each in branch.added)
        for n, each in enumerate(branch.added):
            factor = each.factor * names[each.name]
            assert factor.denominator == 1
            numbers.append(f"{each.sql} AS added{n}")
            value = f"added{n}" if once else each.sql
            value = value if factor == 1 else f"{value} * toInt256('{factor}')"
            at_event.setdefault(each.event, {}).setdefault(place[each.name], []).append(value)
        key = f"[(toUInt16({number}), toString(its_0), its_1, toString(its_2))]" if keys else "[]"
        rows = text.taken(branch.rows)
        rows = f"SELECT *, {', '.join(numbers)} FROM ({rows})" if once else rows
        told = [
            [event, *(" + ".join(sums.get(n, [_NOTHING])) for n in range(len(names)))]
            for event, sums in at_event.items()
        ]
        head = f"{key} AS whose, {branch.foreign} AS foreign, toUInt8(0) AS plain"
        if len(told) == 1:
            event, *sums = told[0]
            values = "".join(f", {value} AS n{n}" for n, value in enumerate(sums))
            return f"SELECT {event} AS event, {head}{values} FROM ({rows})"
        pairs = ", ".join(f"({', '.join(one)})" for one in told)
        values = "".join(f", at.{n + 2} AS n{n}" for n in range(len(names)))
        return f"SELECT at.1 AS event, {head}{values} FROM ({rows}) ARRAY JOIN [{pairs}] AS at"


class Text:
    """Parameters of several statements in one: a name that stands for two things gets another one."""

    def __init__(self) -> None:
        self.parameters: Final[dict[str, Any]] = {}

    def named(self, **told: Any) -> list[str]:
        """Takes these parameters; their names in this text."""
        return [self._name(name, value) for name, value in told.items()]

    def taken(self, select: Select) -> str:
        """Takes the parameters of a statement; its text with their names in this one."""
        sql = select.sql
        for name, value in select.parameters.items():
            if (new := self._name(name, value)) != name:
                sql = sql.replace(f"{{{name}:", f"{{{new}:")
        return sql

    def _name(self, name: str, value: Any) -> str:
        new, number = name, 1
        while new in self.parameters and self.parameters[new] != value:
            number += 1
            new = f"{name}_{number}"
        self.parameters[new] = value
        return new


def _related(branch: Branch, text: Text, whose: str, known: set[tuple[str, str, str]] | None) -> str:
    """A SELECT of (book, entity) that the rows of a branch were derived from."""
    sql = branch.source.related
    told: dict[str, Any] = dict(branch.base)
    if known is None:
        sql = sql.replace("{entities:Array(String)}", f"(SELECT its_1 FROM ({whose}))")
        sql = sql.replace("{customers:Array(String)}", f"(SELECT its_2 FROM ({whose}) WHERE its_2 != '')")
    else:
        told |= {"entities": sorted({entity for _, entity, _ in known})}
        told |= {"customers": sorted({customer for _, _, customer in known if customer})}
        told = {name: value for name, value in told.items() if f"{{{name}:" in sql}
    text.named(**{name: value for name, value in branch.base.items() if f"{{{name}:" in sql})
    taken = text.taken(Select(sql, told)) if known is not None else sql
    return f"SELECT toString(book) AS book, entity FROM ({taken})"
