"""What differs between two ledgers of one journal, by measure and column, and which questions can notice.

A question is a few statements, and each names the measures and the columns that it reads. Where the lines of those
measures are the same in those columns, so is the answer, and it need not be asked.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from projections.ask import Run
from projections.definitions import KINDS
from projections.question import BadQuestion, Question
from services.books import Books
from services.journal.port import Cut

Statement = tuple[str, Mapping[str, Any]]
"""A SELECT and its parameters."""
_NO_CONTENT: Final = frozenset({"tenant", "line", "measure"})
"""Columns that are not compared as content: the same for all, a line's number in its place, and what is grouped by."""
_UP_TO: Final = "WHERE tenant = {tenant:String} AND position <= {position:UInt64}"
_TOLD: Final = "position, recorded_ms, at_ms, source, id, type, entity, parked, body"
"""The columns of an event that definitions are folded from."""
_WORD: Final = re.compile(r"\w+")


class Differences(msgspec.Struct, frozen=True):
    """What two ledgers do not have in common."""

    definitions: bool
    """The calendar, rates, pipelines, assignments or targets: any answer may be another."""
    columns: Mapping[str, frozenset[str]]
    """Of each measure whose lines differ, the columns outside of which they are the same."""

    def __bool__(self) -> bool:
        return self.definitions or bool(self.columns)

    def touch(self, reaching: Iterable[str], statements: Iterable[Statement] | None) -> bool:
        """Whether they can show in an answer that is read by these statements; None: not known by which.

        ``reaching`` are the measures from whose moments it follows which periods there are.
        """
        if self.definitions or (statements is None and self.columns):
            return True
        moved = {name for name, columns in self.columns.items() if "at_ms" in columns}
        return bool(moved.intersection(reaching)) or any(self._named(*each) for each in statements or ())

    def _named(self, sql: str, parameters: Mapping[str, Any]) -> bool:
        words = set(_WORD.findall(sql))
        told = {word for value in parameters.values() if isinstance(value, list) for word in value}
        return any(
            words & columns for measure, columns in self.columns.items() if f"'{measure}'" in sql or measure in told
        )


def differences(old: Run, new: Run, tenant: str, position: int) -> Differences:
    """The differences up to a position, as ``old`` and ``new`` answer statements about their tables."""
    at = {"tenant": tenant, "position": position}
    definitions = f"SELECT count(), sum(cityHash64({_TOLD})), sum(xxh3({_TOLD})) FROM {{history}} {_UP_TO}"
    kinds = at | {"kinds": [*KINDS, "target"]}
    definitions += " AND book IN {kinds:Array(String)}"
    both = [{name: kind for name, kind, *_ in run("DESCRIBE TABLE {postings}", {})} for run in (old, new)]
    shared = [name for name in both[0] if name in both[1] and name not in _NO_CONTENT]
    others = frozenset(both[0].keys() ^ both[1].keys())
    sums = [_sums(run, at, [shared]) for run in (old, new)]
    changed = sorted(name for name in sums[0].keys() | sums[1].keys() if sums[0].get(name) != sums[1].get(name))
    return Differences(
        definitions=old(definitions, kinds) != new(definitions, kinds),
        columns={name: columns | others for name, columns in _columns(old, new, at, shared, changed).items()},
    )


def _columns(
    old: Run, new: Run, at: Mapping[str, Any], shared: Sequence[str], changed: Sequence[str]
) -> dict[str, frozenset[str]]:
    """Of each changed measure the columns that differ. All of them, where the rest is not the same line by line."""
    if not changed:
        return {}
    each = [["position", name] for name in shared]
    before, after = (_sums(run, at, each, changed) for run in (old, new))
    found: dict[str, frozenset[str]] = {}
    for measure in changed:
        one, other = before.get(measure), after.get(measure)
        found[measure] = frozenset(shared)
        if one is None or other is None or one[0] != other[0]:
            continue
        differ = {name for name, was, is_ in zip(shared, one[1:], other[1:], strict=True) if was != is_}
        rest = [name for name in shared if name not in differ]
        if rest and _sums(old, at, [rest], [measure]) == _sums(new, at, [rest], [measure]):
            found[measure] = frozenset(differ)
    return found


def _sums(
    run: Run, at: Mapping[str, Any], groups: Sequence[Sequence[str]], measures: Sequence[str] | None = None
) -> dict[str, tuple[Any, ...]]:
    """By measure: how many lines, and for each group of columns what two hashes of them add up to."""
    told = [f"(sum(cityHash64({names})), sum(xxh3({names})))" for names in map(", ".join, groups)]
    only = "" if measures is None else " AND measure IN {measures:Array(String)}"
    sql = f"SELECT measure, count(), {', '.join(told)} FROM {{postings}} {_UP_TO}{only} GROUP BY measure"
    rows = run(sql, at if measures is None else {**at, "measures": list(measures)})
    return {row[0]: tuple(row[1:]) for row in rows}


def statements(books: Books, one: Question, cut: Cut) -> list[Statement] | None:
    """What would be read to answer a question, without reading it; None where that cannot be told."""
    found: list[Statement] = []

    def noted(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        found.append((sql, parameters))
        return []

    # Any month will do: what is read depends on the periods only by its parameters. Targets have periods of their own.
    some = replace(one, grain="month") if one.kpi.scoped else replace(one, from_="2026-01", to="2026-02")
    try:
        books.asker(cut, run=noted).answer(some)
    except BadQuestion:
        return None
    return found


def to_ask(
    asked: Iterable[Question], found: Differences, read: Callable[[Question], list[Statement] | None]
) -> list[Question]:
    """The questions whose answers may be others. ``read`` tells the statements of one."""
    return [one for one in asked if found and (found.definitions or found.touch(_reaching(one), read(one)))]


def _reaching(one: Question) -> set[str]:
    return {name for part in one.kpi.parts if part.source for name in part.source.measures}
