"""Both ways of running ClickHouse keep the contract, and share tables beside that are exchanged in one step."""

from functools import partialmethod
from typing import Any

import pytest

from services.store.clickhouse import ClickHouseStore
from services.store.port import StoreError
from services.store.sets import Sets
from tests.services.store.contract import StoreContract, events, ledger
from tests.services.store.telling import applied, line


@pytest.fixture(params=["chdb", "server"])
def store(request: pytest.FixtureRequest) -> ClickHouseStore:
    """The engine in this process, and a server over HTTP."""
    found: ClickHouseStore = request.getfixturevalue({"chdb": "embedded", "server": "server_store"}[request.param])
    return found


class TestEveryStore(StoreContract):
    """The contract, on both."""

    @pytest.fixture
    def store(self, store: ClickHouseStore) -> ClickHouseStore:
        return store

    @pytest.fixture
    def tenant(self, tenant: str) -> str:
        return tenant


class TestInterrupted:
    """What lies above the checkpoint is not there."""

    @pytest.mark.parametrize("reached", ["history", "postings"])
    def test_a_write_that_broke_off_is_taken_away(self, store: ClickHouseStore, tenant: str, reached: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant)], [line(1)])
        break_off(store, tenant, after=reached)

        assert store.checkpoint(tenant).position == 1, "the checkpoint comes last"
        store.recover(tenant)

        assert ledger(store, tenant) == [(1, 0, 100)]
        assert events(store, tenant) == [(1, "")]

    def test_and_can_be_written_again(self, store: ClickHouseStore, tenant: str) -> None:
        break_off(store, tenant, after="postings")
        store.recover(tenant)
        store.write(tenant, [applied(2, tenant=tenant)], [line(2)])

        assert ledger(store, tenant) == [(2, 0, 100)]
        assert store.lines(tenant) == 1


class TestBeside:
    """A second set of tables, and the exchange."""

    def test_it_begins_empty_and_the_live_one_goes_on(self, store: ClickHouseStore, tenant: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant)], [line(1)])
        beside = store.beside()
        beside.write(tenant, [applied(1, tenant=tenant)], [line(1, amount=7)])
        store.write(tenant, [applied(2, tenant=tenant)], [line(2)])

        assert ledger(beside, tenant) == [(1, 0, 7)]
        assert ledger(store, tenant) == [(1, 0, 100), (2, 0, 100)]
        assert (beside.checkpoint(tenant).position, store.checkpoint(tenant).position) == (1, 2)
        store.drop_beside()

    def test_the_exchange_puts_it_in_place_and_keeps_the_old_one(self, store: ClickHouseStore, tenant: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant), applied(2, tenant=tenant)], [line(1), line(2)])
        beside = store.beside()
        beside.write(tenant, [applied(1, tenant=tenant)], [line(1, amount=7)])

        store.switch(beside)

        assert ledger(store, tenant) == [(1, 0, 7)]
        assert store.checkpoint(tenant).position == 1
        assert store.lines(tenant) == 1
        before = store.before()
        assert before is not None
        assert ledger(before, tenant) == [(1, 0, 100), (2, 0, 100)]

    def test_the_old_one_stays_until_another_takes_its_place(self, store: ClickHouseStore, tenant: str) -> None:
        """Through rebuilds that are given up, and through an exchange back."""
        for amount in (7, 8):
            beside = store.beside()
            beside.write(tenant, [applied(1, tenant=tenant)], [line(1, amount=amount)])
            store.switch(beside)
        store.beside()
        store.drop_beside()
        before = store.before()
        assert before is not None
        store.switch(before)
        assert ledger(store, tenant) == [(1, 0, 7)]

        again = store.before()
        assert again is not None
        assert ledger(again, tenant) == [(1, 0, 8)]

    def test_tables_that_are_dropped_meanwhile_are_not_put_in_place(self, store: ClickHouseStore, tenant: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant)], [line(1)])
        beside = store.beside()
        store.drop_beside()
        with pytest.raises(StoreError, match="not whole any more"):
            store.switch(beside)
        assert ledger(store, tenant) == [(1, 0, 100)]

    @pytest.mark.parametrize("done", [1, 2])
    def test_an_exchange_that_broke_off_is_known_and_brought_to_its_end(
        self, store: ClickHouseStore, tenant: str, done: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.write(tenant, [applied(1, tenant=tenant)], [line(1)])
        beside = store.beside()
        beside.write(tenant, [applied(1, tenant=tenant)], [line(1, amount=7)])
        with monkeypatch.context() as patch:
            patch.setattr(Sets, "_exchange", partialmethod(_broken_off, done=done))
            with pytest.raises(InterruptedError):
                store.switch(beside)
        assert store._sets.reading() is None

        store._sets.settle()

        assert store._sets.reading() is not None
        assert ledger(store, tenant) == [(1, 0, 7)]
        assert store.before() is not None

    def test_an_exchange_that_never_began_is_forgotten(
        self, store: ClickHouseStore, tenant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.write(tenant, [applied(1, tenant=tenant)], [line(1)])
        with monkeypatch.context() as patch:
            patch.setattr(Sets, "_exchange", partialmethod(_broken_off, done=0))
            with pytest.raises(InterruptedError):
                store.switch(store.beside())
        assert store._sets.reading() is not None, "the live tables are whole"

        store._sets.settle()

        assert ledger(store, tenant) == [(1, 0, 100)]

    def test_what_another_rebuild_left_behind_is_gone(self, store: ClickHouseStore, tenant: str) -> None:
        store.beside().write(tenant, [applied(1, tenant=tenant)], [line(1)])
        assert ledger(store.beside(), tenant) == []
        store.drop_beside()

    def test_dropping_what_is_not_there_is_fine(self, store: ClickHouseStore) -> None:
        store.drop_beside()
        store.drop_beside()

    def test_sizes_are_told_by_table(self, store: ClickHouseStore, tenant: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant)], [line(1)])
        assert set(store.sizes()) == {"postings", "history", "checkpoints"}
        assert all(size > 0 for size in store.sizes().values())


def _broken_off(sets: Sets, tables: Any, slot: str, *, done: int) -> None:
    """Exchange so many of the tables, and go on no further."""
    for table in tables[:done]:
        sets._command(f"EXCHANGE TABLES {table} AND {table}{slot}", {})
    raise InterruptedError


def break_off(store: ClickHouseStore, tenant: str, after: str) -> None:
    """Write event 2, as far as this table."""
    with pytest.MonkeyPatch.context() as patch:
        put = type(store)._put

        def breaking(self: ClickHouseStore, tenant: str, table: str, rows: object, part: str) -> None:
            put(self, tenant, table, rows, part)
            if table == after:
                raise StoreError("the power went")

        patch.setattr(type(store), "_put", breaking)
        with pytest.raises(StoreError, match="the power went"):
            store.write(tenant, [applied(2, tenant=tenant)], [line(2)])
