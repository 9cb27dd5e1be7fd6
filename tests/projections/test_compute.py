"""Statements are computed as the engine would; those of all KPIs are held against it by the tests of the sheet."""

from typing import Any

import pytest

from projections.compute import computed, measures_of
from projections.select import Unknown, parsed
from projections.sources import ENTRIES, FIRST_PURCHASES, KNOWN

LINES: list[dict[str, Any]] = [
    {"measure": "won", "at_ms": 5, "amount": 10, "position": 1, "stage": "a", "attributes": {"size": "big"}},
    {"measure": "won", "at_ms": 15, "amount": 20, "position": 2, "stage": "b", "attributes": {}},
    {"measure": "lost", "at_ms": 16, "amount": 40, "position": 3, "stage": "b", "attributes": {}},
]


def told(select: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return sorted(computed(select, LINES, parameters), key=str)


def test_sums_by_all_that_is_no_sum() -> None:
    rows = f"FROM {{postings}} AS p WHERE {KNOWN} AND p.measure = 'won' GROUP BY ALL"
    assert told(f"SELECT stage, sum(amount), sum(-2 * amount + 1) {rows}") == [("a", 10, -19), ("b", 20, -39)]


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("if(measure = 'won' AND NOT at_ms > 5, 1, 2)", [1, 2, 2]),
        ("multiIf(amount < 15, 1, measure IN ('won', 'x'), 2, 3)", [1, 2, 3]),
        ("roundDown(p.at_ms, {edges:Array(Int64)})", [0, 10, 10]),
        ("transform(stage, {keys:Array(String)}, {numbers:Array(Int64)}, toInt64(7))", [1, 7, 7]),
        ("greatest(least(amount, 30), 15) % 8", [7, 4, 6]),
        ("p.attributes[{key:String}]", ["big", "", ""]),
        ("{numbers:Array(Int64)}[if(stage = 'a', 1, 2)]", [1, 2, 2]),
        ("(measure, amount) > ('won', 5)", [True, True, False]),
        ("stage IN (SELECT stage FROM {postings} WHERE 1 GROUP BY stage HAVING sum(amount) > 15)", [False, True, True]),
    ],
)
def test_expressions(expression: str, values: list[Any]) -> None:
    parameters = {"edges": [0, 10], "keys": ["a"], "numbers": [1], "key": "size"}
    if "[if(" in expression:
        parameters["numbers"] = [1, 2]
    found = computed(f"SELECT position, {expression} AS value FROM {{postings}} WHERE 1", LINES, parameters)
    assert [value for _, value in found] == values


def test_the_first_of_each_and_arrays_of_them() -> None:
    first = "SELECT stage, amount FROM {postings} WHERE 1 ORDER BY at_ms DESC, amount LIMIT 1 BY stage"
    assert told(first) == [("a", 10), ("b", 40)]
    path = "SELECT measure, groupArray((at_ms, stage)) AS path FROM {postings} WHERE 1 GROUP BY measure"
    later = "arrayExists(x -> x.1 > e.1 AND x.2 != e.2, path)"
    assert told(f"SELECT measure, e.2, {later} FROM ({path}) ARRAY JOIN path AS e") == [
        ("lost", "b", False), ("won", "a", True), ("won", "b", False)
    ]  # fmt: skip


def test_what_a_statement_reads_is_known() -> None:
    assert measures_of(f"SELECT deal FROM ({ENTRIES.sql(())})") == {"pipeline", "won", "lost"}
    assert measures_of(f"SELECT customer FROM ({FIRST_PURCHASES.sql(())})") == {"won", "order", "fulfilment"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM {history} WHERE 1",
        "SELECT a FROM {postings} AS q WHERE 1",
        "SELECT quantile(0.5)(a) FROM {postings} WHERE 1",
        "SELECT a FROM {postings} INNER JOIN b USING c",
        "SELECT a; DROP TABLE b",
    ],
)
def test_the_rest_is_left_to_the_engine(sql: str) -> None:
    with pytest.raises(Unknown):
        parsed(sql)


def test_a_function_that_is_not_known_is_left_to_the_engine() -> None:
    with pytest.raises(Unknown):
        told("SELECT sqrt(amount) FROM {postings} WHERE 1")
