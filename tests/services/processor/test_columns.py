"""Events posted as columns: the same lines as one by one, whatever they tell."""

from collections.abc import Container
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from events.activities import TouchpointLogged
from events.base import SalesEvent
from events.codec import decode, read
from events.envelope import Entry
from events.fields import fields_of
from events.orders import OrderPlaced, OrderRefunded
from events.rows import rows_of
from events.samples import SOURCE, full_sample, sample, told
from events.surveys import SurveyAnswered
from projections.books.shelf import PLAIN
from projections.ledger import Key, Ledger, Line
from services.processor.plain import as_columns
from services.processor.poster import post_entries
from services.store.columns import PlainLines, postings_table
from tests.projections.telling import postings

NOW_MS = 1_800_000_000_000
AMOUNTS = st.decimals("0", "99999", places=2).map(str)
SCORES = st.decimals("0", "5", places=3).map(str)
TEXT = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8)
ATTRIBUTES = st.dictionaries(TEXT, TEXT, max_size=3)
TYPES = {event: rule.event for event, rule in PLAIN.items()}
OTHER_FACTS: dict[type[SalesEvent], dict[str, st.SearchStrategy[Any]]] = {
    TouchpointLogged: {"automated": st.booleans()},
    SurveyAnswered: {
        "kind": st.sampled_from(["csat", "nps", "collaboration", "training"]),
        "score": SCORES,
        "scale_max": st.sampled_from([None, "5", "10", "7.5"]),
    },
    OrderPlaced: {
        "amount": AMOUNTS,
        "cost": st.none() | AMOUNTS,
        "deal_id": st.none() | TEXT,
        "currency": st.sampled_from([None, "USD", "CNY"]),
    },
}
"""What else these events may tell that their lines depend on."""


def entry(position: int, event: Any, **envelope: Any) -> Entry:
    """An event in its place in the journal."""
    valid = decode(told(event, id=f"e-{position}", **envelope), now_ms=NOW_MS, currency="CNY")
    return Entry(
        valid.tenant, position, NOW_MS, valid.source, valid.id, valid.type, valid.at_ms, valid.subject, valid.body
    )


@st.composite
def journals(draw: st.DrawFn) -> list[Entry]:
    """Events of the kinds that are posted as columns, each with some of its optional fields."""
    entries = []
    for position in range(1, draw(st.integers(1, 6)) + 1):
        event = TYPES[draw(st.sampled_from(sorted(TYPES)))]
        full = full_sample(event)
        facts = {
            field.name: getattr(full, field.name) for field in fields_of(event) if field.required or draw(st.booleans())
        }
        if draw(st.booleans()):
            facts |= {"attributes": draw(ATTRIBUTES)}
        if draw(st.booleans()):
            facts |= {"rep_id": draw(TEXT)} | {name: draw(what) for name, what in OTHER_FACTS[event].items()}
        if event.ENTITY is not None:
            facts |= {event.ENTITY: f"O-{position}"}
        day = draw(st.integers(1, 28))
        entries.append(entry(position, sample(event, **facts), time=f"2026-02-{day:02d}T09:00:00.5+08:00"))
    return entries


def ledger(voided: list[tuple[str, str]] | None = None) -> Ledger:
    """A ledger that has nothing yet."""
    return Ledger(load=lambda keys: {}, locate=lambda identity, before: None, voided=voided or [])


def one_by_one(entries: list[Entry]) -> list[Line]:
    return post_entries(ledger(), set(), entries)[1]


def columns(
    entries: list[Entry], books: Ledger | None = None, parked: set[Key] | None = None, known: Container[str] = ()
) -> tuple[list[PlainLines], list[int]]:
    """The lines of those that are posted as columns, and the positions of the others. ``known`` entities have more."""
    places = [astuple(each)[1:] for each in entries]
    plain, others = as_columns(
        books or ledger(), parked or set(), places, known=lambda keys: {key for key in keys if key[1] in known}
    )
    return plain, [place[0] for place in others]


def as_rows(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: (row["position"], row["line"]))


class TestTheSameLines:
    """One rule, applied in two ways."""

    @settings(deadline=None)
    @given(journals())
    def test_whatever_is_told(self, entries: list[Entry]) -> None:
        plain, others = columns(entries)

        assert others == []
        assert as_rows(postings_table("t", [], plain)) == as_rows(postings_table("t", one_by_one(entries)))

    @settings(deadline=None, max_examples=20)
    @given(journals())
    def test_beside_lines_of_other_kinds(self, entries: list[Entry]) -> None:
        half = len(entries) // 2
        plain, _ = columns(entries[half:])

        both = as_rows(postings_table("t", one_by_one(entries[:half]), plain))

        assert both == as_rows(postings_table("t", one_by_one(entries)))

    @pytest.mark.parametrize("event", TYPES.values(), ids=lambda event: event.TYPE)
    def test_every_field_is_told(self, event: type[SalesEvent]) -> None:
        entries = [entry(1, full_sample(event))]

        (row,) = postings_table("t", [], columns(entries)[0]).to_pylist()

        (line,) = postings(event.KIND, [read(entries[0])])
        told = {name: value for name, value in row.items() if hasattr(line.dims, name) and value}
        assert told == {name: getattr(line.dims, name) for name in told} | {"attributes": list(line.dims.attributes)}
        assert {"rep_id", "customer", "deal", "region", "attributes"} <= told.keys()


class TestTheOthers:
    """What is posted one by one nevertheless, in its order."""

    def split(
        self, entries: list[Entry], parked: set[Key] | None = None, voided: list[tuple[str, str]] | None = None
    ) -> tuple[list[int], list[int]]:
        plain, others = columns(entries, ledger(voided), parked, known=["O-2"])
        return [place[0] for table in plain for place in table.places], others

    def three(self) -> list[Entry]:
        """Of one entity, as a journal that others wrote may have it."""
        return [replace(entry(each, sample(TouchpointLogged, kind="call")), subject="S") for each in (1, 2, 3)]

    def test_what_is_voided_already(self) -> None:
        assert self.split(self.three(), voided=[(SOURCE, "e-2")]) == ([1, 3], [2])

    def test_what_waits_behind_a_parked_event(self) -> None:
        assert self.split(self.three(), parked={("touchpoint", "S")}) == ([], [1, 2, 3])

    def test_a_newer_version_with_all_of_its_entity(self) -> None:
        entries = self.three()
        newer = entries[1].body.replace(b"touchpoint.logged:1", b"touchpoint.logged:99")
        entries[1] = replace(entries[1], body=newer)
        entries.append(entry(4, sample(TouchpointLogged, kind="call")))
        assert self.split(entries) == ([4], [1, 2, 3])

    def test_a_body_that_does_not_fit(self) -> None:
        (row,) = rows_of(TouchpointLogged, ["kind"])([b"{}"])
        assert row is None

    def test_a_body_that_is_written_on_two_lines(self) -> None:
        bodies = [each.body.replace(b",", b",\n") for each in self.three()]
        assert [row is not None and row.kind for row in rows_of(TouchpointLogged, ["kind"])(bodies)] == ["call"] * 3

    def test_an_entity_of_which_more_is_told(self) -> None:
        orders = [entry(each, sample(OrderPlaced, order_id=f"O-{each}")) for each in (1, 2, 3, 4)]
        orders.append(entry(5, sample(OrderRefunded, order_id="O-4", amount="1")))
        assert self.split(orders) == ([1, 3], [2, 4, 5])

    def test_an_entity_of_which_more_may_have_been_told(self) -> None:
        places = [astuple(entry(1, sample(OrderPlaced)))[1:]]
        assert as_columns(ledger(), set(), places) == ([], places)
