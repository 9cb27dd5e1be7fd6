"""Events posted as columns: the same lines as one by one, whatever they tell."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events.activities import TouchpointLogged
from events.codec import decode, read
from events.envelope import Entry
from events.fields import fields_of
from events.rows import rows_of
from events.samples import SOURCE, full_sample, sample, told
from projections.books.shelf import PLAIN, postings
from projections.ledger import Key, Ledger, Line
from services.processor.poster import post_entries
from services.processor.shard import as_columns
from services.store.columns import postings_table

NOW_MS = 1_800_000_000_000
TEXT = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8)
ATTRIBUTES = st.dictionaries(TEXT, TEXT, max_size=3)
TYPES = {event: rule.event for event, rule in PLAIN.items()}


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
            facts |= {"automated": draw(st.booleans()), "rep_id": draw(TEXT)}
        day = draw(st.integers(1, 28))
        entries.append(entry(position, sample(event, **facts), time=f"2026-02-{day:02d}T09:00:00.5+08:00"))
    return entries


def ledger(voided: list[tuple[str, str]] | None = None) -> Ledger:
    """A ledger that has nothing yet."""
    return Ledger(load=lambda keys: {}, locate=lambda identity, before: None, voided=voided or [])


def one_by_one(entries: list[Entry]) -> list[Line]:
    return post_entries(ledger(), set(), entries)[1]


class TestTheSameLines:
    """One rule, applied in two ways."""

    @settings(deadline=None)
    @given(journals())
    def test_whatever_is_told(self, entries: list[Entry]) -> None:
        plain, others = as_columns(ledger(), set(), entries)

        assert others == []
        columns = postings_table("t", [], plain)
        assert columns.equals(postings_table("t", one_by_one(entries)).cast(columns.schema))

    @settings(deadline=None, max_examples=20)
    @given(journals())
    def test_beside_lines_of_other_kinds(self, entries: list[Entry]) -> None:
        half = len(entries) // 2
        plain, _ = as_columns(ledger(), set(), entries[half:])

        both = postings_table("t", one_by_one(entries[:half]), plain).to_pylist()

        assert both == postings_table("t", one_by_one(entries)).to_pylist()

    def test_every_field_is_told(self) -> None:
        entries = [entry(1, full_sample(event)) for event in TYPES.values()]

        (row,) = postings_table("t", [], as_columns(ledger(), set(), entries)[0]).to_pylist()

        (line,) = postings("touchpoint", [read(entries[0])])
        told = {name: value for name, value in row.items() if hasattr(line.dims, name) and value}
        assert told == {name: getattr(line.dims, name) for name in told} | {"attributes": list(line.dims.attributes)}
        assert {"rep_id", "customer", "deal", "lead", "kind", "direction", "region", "attributes"} <= told.keys()


class TestTheOthers:
    """What is posted one by one nevertheless, in its order."""

    def split(
        self, entries: list[Entry], parked: set[Key] | None = None, voided: list[tuple[str, str]] | None = None
    ) -> tuple[list[int], list[int]]:
        plain, others = as_columns(ledger(voided), parked or set(), entries)
        return [each.position for table in plain for each in table.entries], [each.position for each in others]

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
        (row,) = rows_of(TouchpointLogged, ["kind"])([Entry("t", 1, 0, "/s", "1", "touchpoint.logged", 0, "S", b"{}")])
        assert row is None
