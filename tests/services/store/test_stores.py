"""Both ways of running ClickHouse keep the contract, and share tables beside that are exchanged in one step."""

import pytest

from services.store.clickhouse import ClickHouseStore
from services.store.port import StoreError
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

    def test_the_exchange_puts_it_in_place_and_drops_the_old_one(self, store: ClickHouseStore, tenant: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant), applied(2, tenant=tenant)], [line(1), line(2)])
        beside = store.beside()
        beside.write(tenant, [applied(1, tenant=tenant)], [line(1, amount=7)])

        store.switch()

        assert ledger(store, tenant) == [(1, 0, 7)]
        assert store.checkpoint(tenant).position == 1
        assert store.lines(tenant) == 1
        with pytest.raises(StoreError, match="could not answer"):
            beside.checkpoint(tenant)

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
