"""What holds for every event type, without its author doing anything for it."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import codec
from events.base import Dimensioned, SalesEvent
from events.deals import DealWon
from events.fields import NO_EXAMPLE, fields_of
from events.page import page
from events.planning import PipelineDefined
from events.samples import full_sample, sample, told
from events.schema import DRAFT, schema
from events.vocabulary import BY_TYPE, EVENTS
from tests.events.telling import NOW_MS, cloud_events, decoded, journalled, raw, won

each_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.TYPE)
FOLDER = Path(__file__).parents[2] / "events"


def declared_events() -> Iterator[type[SalesEvent]]:
    """Every event class in the folder, whether or not anybody imports its module."""
    for path in sorted(FOLDER.glob("*.py")):
        for value in vars(import_module(f"events.{path.stem}")).values():
            if isinstance(value, type) and issubclass(value, SalesEvent) and value.__module__ == f"events.{path.stem}":
                yield value


def test_every_class_is_in_the_vocabulary() -> None:
    for event in set(declared_events()) - {SalesEvent, Dimensioned}:
        assert event in EVENTS, (
            f"{event.__name__} is in no list: add it to EVENTS at the end of its module, and the EVENTS of a new "
            "module to events/vocabulary.py"
        )
    assert list(BY_TYPE.values()) == list(EVENTS)


@each_event
def test_it_survives_the_wire_and_the_journal(event: type[SalesEvent]) -> None:
    for told_event in (sample(event), full_sample(event)):
        entry = journalled(decoded(raw(told(told_event, correlationid="C", inferred=True))))

        fact = codec.read(entry)

        assert fact.data == told_event
        assert type(fact.data) is event
        assert (fact.kind, fact.entity) == (event.KIND, codec.entity_id(told_event, fact.source, fact.id))
        assert (fact.position, fact.recorded_ms) == (entry.position, entry.recorded_ms)


@each_event
def test_its_export_told_again_is_a_duplicate(event: type[SalesEvent]) -> None:
    first = decoded(told(full_sample(event), inferred=True, other=5))
    entry = journalled(first, recorded_ms=NOW_MS - 5)

    again = decoded(codec.export(entry), currency="USD", importer=True)

    assert (again.tenant, again.source, again.id, again.digest) == (first.tenant, first.source, first.id, first.digest)
    assert again.body == first.body
    assert again.recorded_ms == NOW_MS - 5


@each_event
def test_its_schema_admits_its_samples(event: type[SalesEvent]) -> None:
    declared = schema(event.TYPE)
    jsonschema_rs.meta.validate(declared)
    assert declared["$schema"] == DRAFT
    assert declared["$id"] == codec.schema_urn(event)
    validator = jsonschema_rs.validator_for(declared, validate_formats=True)

    for told_event in (told(sample(event)), told(full_sample(event))):
        validator.validate(told_event)
        validator.validate(json.loads(codec.export(journalled(decoded(told_event)))))

    assert not validator.is_valid(told(sample(event)) | {"data": {"wat": 1}})
    assert not validator.is_valid(told(sample(event)) | {"time": "yesterday"})
    assert not validator.is_valid(told(sample(event)) | {"id": " x"})


@settings(max_examples=10)
@given(st.data())
@each_event
def test_its_schema_admits_what_the_codec_admits(event: type[SalesEvent], draw: st.DataObject) -> None:
    validator = jsonschema_rs.validator_for(schema(event.TYPE), validate_formats=True)
    told_event = draw.draw(cloud_events(event))

    decoded(told_event)
    validator.validate(told_event)


@each_event
def test_its_class_says_all_that_is_shown(event: type[SalesEvent]) -> None:
    docstring = event.__doc__ or ""
    assert docstring, f"{event.__name__}: write what happened as its docstring"
    assert not docstring.startswith(event.__name__ + "("), f"{event.__name__}: write what happened as its docstring"
    assert any("一" <= letter <= "鿿" for letter in event.ZH), f"{event.__name__}: ZH is its name in Chinese"
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event.TYPE), f"{event.TYPE}: wire names are noun.happened"
    assert event.KIND
    assert event.ENTITY is None or event.ENTITY in {field.name for field in fields_of(event) if field.required}


@each_event
def test_every_field_says_what_it_allows_and_has_an_example(event: type[SalesEvent]) -> None:
    shapes = [event, *(field.inner for field in fields_of(event) if field.inner)]
    for shape in shapes:
        for field in fields_of(shape):
            assert field.allowed, f"{shape.__name__}.{field.name}: mark it Allowed(…)"
            assert field.example is not NO_EXAMPLE, f"{shape.__name__}.{field.name}: add Field(examples=[…])"
    assert {field.name for field in fields_of(event)} == set(event.__struct_fields__)
    assert fields_of(event)[-1].name == "attributes"


def test_the_catalogue_is_fresh() -> None:
    assert (FOLDER / "README.md").read_text("utf-8") == page(), "events/README.md is stale: run make docs"


def test_a_sample_is_what_a_journal_gives_back() -> None:
    assert sample(DealWon, amount="90").amount == "90.00"
    assert sample(DealWon, amount=90, currency="JPY") == sample(DealWon, amount="90", currency="JPY")
    assert sample(DealWon).currency == "CNY"
    assert [stage.stage for stage in sample(PipelineDefined).stages] == ["qualified", "proposal"]
    with pytest.raises(codec.InvalidEvent, match=r"^data.amount is negative; allowed: "):
        sample(DealWon, amount="-1")


def test_the_same_told_again_is_the_same_event() -> None:
    event = sample(DealWon, amount="90.00")

    assert told(event) == told(event)
    assert told(event)["id"] != told(sample(DealWon, amount="91.00"))["id"]
    assert told(event)["id"] != told(event, time="2026-03-02T09:00:01+08:00")["id"]
    assert told(event, id="mine", recordedtime="2026-03-03T00:00:00Z")["id"] == "mine"
    assert decoded(told(event, id="evt-1")).digest == decoded(won(amount="90")).digest
