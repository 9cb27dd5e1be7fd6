"""Long lists are bound as the client binds them, whatever their texts hold."""

from typing import Any

import pytest
from clickhouse_connect.driver.binding import format_bind_value
from hypothesis import given
from hypothesis import strategies as st

from services.store.binding import LONG, bound
from services.store.clickhouse import ClickHouseStore

LISTS = st.lists(st.text(), min_size=LONG + 1, max_size=2 * LONG) | st.lists(
    st.integers(-(2**63), 2**64), min_size=LONG + 1, max_size=2 * LONG
)


@given(LISTS)
def test_they_are_written_as_the_client_writes_them(values: list[Any]) -> None:
    assert not isinstance(bound(values), list)
    assert format_bind_value(bound(values)) == format_bind_value(values)


@pytest.mark.parametrize("values", [["a"], list(range(LONG)), "x" * 50, 7, None, ["a", 1] * LONG, [True] * 50])
def test_all_else_is_left_to_the_client(values: Any) -> None:
    assert bound(values) is values


def test_the_engine_reads_them(store: ClickHouseStore) -> None:
    texts = [f"{each}{sign}" for each in range(LONG) for sign in "\\'`\t\n 华"]
    found = store.query(
        "SELECT {texts:Array(String)}, {numbers:Array(UInt64)}", {"texts": texts, "numbers": list(range(50))}
    )
    assert [list(each) for each in found[0]] == [texts, list(range(50))]
