"""Digests: the same for the same, and other for anything that differs."""

from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from events.deals import DealWon
from events.samples import sample, told
from projections.ledger import Line
from projections.posting import Dimensions, Posting
from services.replay.digest import definitions_digest, digest, journal_digest, ledger_digest
from services.store.clickhouse import ClickHouseStore
from tests.oracle.real_path import Company
from tests.services.processor.stories import story
from tests.services.store.telling import applied, line

New = Callable[..., Company]
_numbers = count(1)


def written(store: ClickHouseStore, *lines: Line, batches: int = 1) -> str:
    """The digest of a new ledger with these lines."""
    tenant = f"digest-{next(_numbers)}"
    last = max(each.position for each in lines)
    if batches == 1:
        store.write(tenant, [applied(last, tenant=tenant)], lines)
    else:
        for each in lines:
            store.write(tenant, [applied(each.position, tenant=tenant)], [each])
    return ledger_digest(store, tenant, last)


class TestLedger:
    """Of the lines, in order of their places."""

    LINES = (line(1), line(1, 1, amount=7), line(2), line(70_000))

    def test_it_does_not_depend_on_the_order_of_writing_or_on_batches(self, store: ClickHouseStore) -> None:
        expected = written(store, *self.LINES)
        assert written(store, *reversed(self.LINES)) == expected
        assert written(store, self.LINES[0], *self.LINES[2:], batches=3) == written(
            store, self.LINES[0], *self.LINES[2:]
        )

    def test_it_is_that_of_the_lines_up_to_a_position(self, company: New) -> None:
        whole, begun = company(story(40)), company(story(40)[:20])
        assert ledger_digest(whole.store, whole.tenant, 20) == ledger_digest(begun.store, begun.tenant, 20)
        assert ledger_digest(whole.store, whole.tenant, 40) != ledger_digest(begun.store, begun.tenant, 20)

    @pytest.mark.parametrize("field", [name for name in Posting.__struct_fields__ if name != "dims"])
    def test_every_field_of_a_line_tells(self, field: str, store: ClickHouseStore) -> None:
        other: Any = {"measure": "lost", "currency": "USD", "local": True}.get(field, 77)
        assert written(store, line(1, **{field: other})) != written(store, line(1))

    @pytest.mark.parametrize("name", Dimensions.__struct_fields__)
    def test_every_dimension_tells(self, name: str, store: ClickHouseStore) -> None:
        value: Any = {"probability_ppm": 7, "attributes": (("k", "v"),)}.get(name, "x")
        assert written(store, line(1, dims=Dimensions(**{name: value}))) != written(store, line(1))

    def test_text_does_not_slip_from_one_column_into_the_next(self, store: ClickHouseStore) -> None:
        left, right = Dimensions(rep_id="ab", team_id="c"), Dimensions(rep_id="a", team_id="bc")
        assert written(store, line(1, dims=left)) != written(store, line(1, dims=right))

    def test_places_tell(self, store: ClickHouseStore) -> None:
        assert len({written(store, line(1)), written(store, line(2)), written(store, line(1, 1))}) == 3


class TestJournal:
    """Of the events in order."""

    def test_it_is_that_of_what_was_told(self, company: New) -> None:
        def event(**facts: Any) -> list[dict[str, Any]]:
            return [told(sample(DealWon, **facts), id="e1")]

        one, other = company(event()), company(event(amount="7.00"))
        assert journal_digest(one.journal, one.tenant, 1) != journal_digest(other.journal, other.tenant, 1)
        assert journal_digest(one.journal, one.tenant, 1) == journal_digest(one.journal, one.tenant, 99)
        assert journal_digest(one.journal, one.tenant, 0) == journal_digest(other.journal, other.tenant, 0)


def test_all_three_at_a_cut(company: New) -> None:
    new = company(story(10))
    pair = SimpleNamespace(store=new.store, journal=new.journal)

    assert digest(pair, new.tenant) == {
        "tenant": new.tenant,
        "position": 10,
        "journal": journal_digest(new.journal, new.tenant, 10),
        "ledger": ledger_digest(new.store, new.tenant, 10),
        "definitions": definitions_digest(),
    }
    assert digest(pair, new.tenant, 4)["ledger"] == ledger_digest(new.store, new.tenant, 4)
