"""What every ledger store promises. An adapter's tests inherit this and say how one is opened."""

from abc import abstractmethod
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.deals import DealWon
from events.leads import LeadCreated
from events.samples import sample
from projections.posting import Dimensions
from services.journal.port import Cut
from services.store.port import Store, StoreError
from tests.oracle.real_path import NOW_MS
from tests.services.store.telling import applied, entry, line

HOSTILE = "'; DROP TABLE postings; -- \\' \" ` \x00 {tenant:String} %s 华东 🙂\n\t"


def ledger(store: Store, tenant: str, columns: str = "position, line, amount") -> list[tuple[Any, ...]]:
    """The lines of a tenant, each as often as it stands."""
    sql = f"SELECT {columns} FROM {{postings}} WHERE tenant = {{tenant:String}} ORDER BY position, line"
    return store.query(sql, {"tenant": tenant})


def events(store: Store, tenant: str) -> list[tuple[Any, ...]]:
    """The events of a tenant, each as often as it stands."""
    sql = "SELECT position, parked FROM {history} WHERE tenant = {tenant:String} ORDER BY position"
    return store.query(sql, {"tenant": tenant})


class StoreContract:
    """Inherit this, and give ``store`` and ``tenant``: a store, and a name that nobody has used in it."""

    @pytest.fixture
    @abstractmethod
    def store(self) -> Store:
        """A store."""

    @pytest.fixture
    @abstractmethod
    def tenant(self) -> str:
        """A tenant whose ledger is empty."""

    def test_a_new_tenant_has_nothing(self, store: Store, tenant: str) -> None:
        assert store.checkpoint(tenant) == Cut(0, 0)
        assert tenant not in store.tenants()
        assert store.histories(tenant, [("deal", "D-1")]) == {}
        assert store.parked(tenant) == []

    def test_what_is_written_is_there_up_to_the_checkpoint(self, store: Store, tenant: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant), applied(2, tenant=tenant)], [line(1), line(2, amount=-50)])

        assert store.checkpoint(tenant) == Cut(2, NOW_MS + 2)
        assert ledger(store, tenant) == [(1, 0, 100), (2, 0, -50)]
        assert events(store, tenant) == [(1, ""), (2, "")]
        assert tenant in store.tenants()

    def test_events_without_a_line_move_the_checkpoint_too(self, store: Store, tenant: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant)], [])
        assert store.checkpoint(tenant).position == 1

    def test_nothing_written_changes_nothing(self, store: Store, tenant: str) -> None:
        store.write(tenant, [], [])
        assert store.checkpoint(tenant) == Cut(0, 0)

    def test_a_batch_told_again_is_written_once(self, store: Store, tenant: str) -> None:
        batch = [applied(1, tenant=tenant), applied(2, tenant=tenant)]
        store.write(tenant, batch, [line(1), line(1, 1), line(2)])
        store.write(tenant, batch, [line(1), line(1, 1), line(2)])
        store.write(tenant, [*batch[1:], applied(3, tenant=tenant)], [line(2), line(3)])

        assert ledger(store, tenant) == [(1, 0, 100), (1, 1, 100), (2, 0, 100), (3, 0, 100)]
        assert events(store, tenant) == [(1, ""), (2, ""), (3, "")]

    def test_recovering_what_is_whole_changes_nothing(self, store: Store, tenant: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant)], [line(1)])
        store.recover(tenant)
        assert ledger(store, tenant) == [(1, 0, 100)]
        assert store.checkpoint(tenant).position == 1

    def test_tenants_do_not_see_each_other(self, store: Store, tenant: str) -> None:
        other = f"{tenant}-other"
        store.write(tenant, [applied(1, tenant=tenant)], [line(1)])
        store.write(other, [applied(1, tenant=other), applied(2, tenant=other)], [line(1), line(2)])
        store.recover(tenant)

        assert (len(ledger(store, tenant)), len(ledger(store, other))) == (1, 2)
        assert [each.tenant for each in store.histories(other, [("deal", "D-1")])["deal", "D-1"]] == [other, other]

    def test_histories_come_whole_by_entity_in_order(self, store: Store, tenant: str) -> None:
        deal, lead = sample(DealWon, deal_id="华东-1", amount="0.01"), sample(LeadCreated, contact={"name": "李娜"})
        store.write(tenant, [applied(3, deal, tenant=tenant)], [])
        store.write(tenant, [applied(4, lead, tenant=tenant), applied(5, deal, tenant=tenant)], [])
        store.write(tenant, [applied(6, deal, tenant=tenant, parked="no")], [])

        found = store.histories(tenant, [("lead", "L-1"), ("deal", "华东-1"), ("deal", "D-9"), ("order", "华东-1")])

        assert found == {
            ("lead", "L-1"): [entry(4, lead, tenant)],
            ("deal", "华东-1"): [entry(3, deal, tenant), entry(5, deal, tenant)],
        }

    def test_parked_events_wait_with_their_reason_in_order(self, store: Store, tenant: str) -> None:
        batch = [applied(n, tenant=tenant, parked="no" if n % 2 else "") for n in range(1, 5)]
        store.write(tenant, batch, [line(2), line(4)])

        assert store.parked(tenant) == [
            (entry(1, tenant=tenant), "deal", "no"),
            (entry(3, tenant=tenant), "deal", "no"),
        ]
        assert store.checkpoint(tenant).position == 4

    def test_unparked_they_stand_at_their_own_positions_and_the_rest_stays(self, store: Store, tenant: str) -> None:
        batch = [applied(n, tenant=tenant, parked="no" if n > 1 else "") for n in range(1, 4)]
        store.write(tenant, batch, [line(1)])

        store.unpark(tenant, [applied(2, tenant=tenant)], [line(2), line(2, 1)])

        assert ledger(store, tenant) == [(1, 0, 100), (2, 0, 100), (2, 1, 100)]
        assert events(store, tenant) == [(1, ""), (2, ""), (3, "no")]
        assert store.checkpoint(tenant) == Cut(3, NOW_MS + 3)

    def test_an_event_that_posts_nothing_can_be_unparked(self, store: Store, tenant: str) -> None:
        store.write(tenant, [applied(1, tenant=tenant, parked="no")], [])
        store.unpark(tenant, [applied(1, tenant=tenant)], [])
        assert events(store, tenant) == [(1, "")]

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.integers(1, 5), max_size=5))
    def test_however_it_is_batched_and_told_again_each_line_stands_once(
        self, store: Store, tenant: str, sizes: list[int]
    ) -> None:
        mine = f"{tenant}-{'-'.join(map(str, sizes))}"
        done = store.checkpoint(mine).position
        for size in sizes:
            batch = range(max(done - 1, 0) + 1, done + size + 1)
            store.write(mine, [applied(n, tenant=mine) for n in batch], [line(n) for n in batch])
            done = batch[-1]
        assert ledger(store, mine) == [(n, 0, 100) for n in range(1, done + 1)]

    def test_texts_come_back_as_they_were_whatever_they_hold(self, store: Store, tenant: str) -> None:
        names = [name for name in Dimensions.__struct_fields__ if name not in ("probability_ppm", "attributes")]
        texts: dict[str, Any] = dict.fromkeys(names, HOSTILE)
        dims = Dimensions(**texts, attributes=((HOSTILE, HOSTILE),))
        store.write(tenant, [applied(1, tenant=tenant)], [line(1, dims=dims)])

        (row,) = ledger(store, tenant, ", ".join(names))
        assert set(row) == {HOSTILE}
        assert ledger(store, tenant, "attributes") == [({HOSTILE: HOSTILE},)]

    @pytest.mark.parametrize("name", ["rep_id", "customer", "reason"])
    def test_a_parameter_is_a_value_whatever_it_holds(self, store: Store, tenant: str, name: str) -> None:
        hostile: dict[str, Any] = {name: HOSTILE}
        store.write(tenant, [applied(1, tenant=tenant)], [line(1, dims=Dimensions(**hostile))])

        found = store.query(
            f"SELECT count() FROM {{postings}} WHERE tenant = {{tenant:String}} AND {name} = {{text:String}} "
            f"AND {name} IN {{texts:Array(String)}}",
            {"tenant": tenant, "text": HOSTILE, "texts": [HOSTILE, "'", "]"]},
        )

        assert found == [(1,)]

    def test_the_numbers_come_back_as_they_were(self, store: Store, tenant: str) -> None:
        extremes: dict[str, Any] = {
            "count": -1,
            "amount": 10**15,
            "cost": -(10**15),
            "at_ms": -2_208_988_800_000,
            "until_ms": 2**53 + 1,
        }
        store.write(tenant, [applied(1, tenant=tenant)], [line(1, local=True, **extremes)])
        assert ledger(store, tenant, ", ".join(extremes) + ", local") == [(*extremes.values(), 1)]

    def test_a_statement_that_cannot_be_answered_is_a_sentence(self, store: Store) -> None:
        with pytest.raises(StoreError, match=r"^the store could not answer: [^\n]+$"):
            store.query("SELECT nothing FROM {postings}", {})
