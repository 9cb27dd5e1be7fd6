"""Statements of one question run at the same time, and each gives its own rows."""

from collections.abc import Mapping
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from services.store.abreast import abreast
from services.store.clickhouse import open_chdb
from services.store.port import StoreError

NUMBER = "SELECT {number:Int64} AS number"


def test_two_connections_are_asked_at_once_and_rows_keep_their_order() -> None:
    both = Barrier(2)

    def query(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        both.wait(timeout=20)  # breaks where nobody else asks meanwhile
        return [(sql, parameters["number"])]

    asked = [
        ("short", {"number": 1}),
        ("the longest of all", {"number": 2}),
        ("ab", {"number": 3}),
        ("", {"number": 4}),
    ]
    assert abreast([query, query], asked) == [[(sql, told["number"])] for sql, told in asked]


def test_one_that_fails_is_told() -> None:
    def query(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        if sql == "bad":
            raise StoreError("the store could not answer")
        return []

    with pytest.raises(StoreError, match="could not answer"):
        abreast([query, query], [("good", {}), ("bad", {}), ("good too", {})])


def test_the_embedded_store_answers_several_at_once_as_one_after_the_other(tmp_path: Path) -> None:
    store = open_chdb(tmp_path / "store")
    try:
        asked = [(NUMBER, {"number": number}) for number in range(5)]
        assert store.queries(asked) == [[(number,)] for number in range(5)]
        assert store.queries(asked[:1]) == [[(0,)]]
        with store.apart() as other:
            assert other.queries(asked[:2]) == [[(0,)], [(1,)]]
        assert store.queries(asked[3:]) == [[(3,)], [(4,)]], "the other one has closed only what was its own"
        with pytest.raises(StoreError):
            store.queries([*asked, ("SELECT nothing_of_this_name", {})])
    finally:
        store.close()
