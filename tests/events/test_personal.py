"""Who a person is: marked in the types, and never repeated in a refusal."""

from typing import Any

import pytest

from events.base import Contact
from events.codec import InvalidEvent
from events.fields import fields_of
from events.page import page
from events.personal import PERSONAL
from events.schema import schema
from events.vocabulary import EVENTS
from tests.events.telling import WON, decoded

CANARY = "李娜-canary"


def test_these_fields_are_personal() -> None:
    assert PERSONAL == {
        "lead.created": ("contact",),
        "customer.updated": ("contact",),
        "survey.answered": ("comment",),
        "rep.assigned": ("name",),
    }


def test_a_contact_is_personal_wherever_it_stands() -> None:
    for event in EVENTS:
        for field in fields_of(event):
            assert field.inner is not Contact or field.personal, f"mark {event.TYPE}.{field.name} as Personal()"


def test_schema_and_catalogue_show_the_mark() -> None:
    marked = {
        (event.TYPE, name)
        for event in EVENTS
        for name, about in schema(event.TYPE)["properties"]["data"]["properties"].items()
        if about.get("x-personal")
    }

    assert marked == {(type_, name) for type_, names in PERSONAL.items() for name in names}
    assert page().count("**Personal**") == len(marked)


LEAKS: dict[str, tuple[str, dict[str, Any]]] = {
    "text for an object": ("lead.created", {"lead_id": "L-1", "contact": CANARY}),
    "list for an object": ("lead.created", {"lead_id": "L-1", "contact": [CANARY]}),
    "too long": ("lead.created", {"lead_id": "L-1", "contact": {"name": CANARY * 50}}),
    "object for text": ("lead.created", {"lead_id": "L-1", "contact": {"phone": {"mobile": CANARY}}}),
    "not Unicode": ("lead.created", {"lead_id": "L-1", "contact": {"name": CANARY + "\ud800"}}),
    "unknown field": ("customer.updated", {"customer_id": "C-1", "contact": {"fax": CANARY}}),
    "line end": ("rep.assigned", {"rep_id": "rep-1", "name": CANARY + "\n"}),
    "list for text": ("rep.assigned", {"rep_id": "rep-1", "name": [CANARY]}),
    "long comment": ("survey.answered", {"kind": "nps", "score": 5, "comment": CANARY * 1000}),
    "problem elsewhere": ("survey.answered", {"kind": "nps", "score": 11, "comment": CANARY}),
}


@pytest.mark.parametrize("case", LEAKS)
def test_a_refusal_never_repeats_it(case: str) -> None:
    type_, data = LEAKS[case]

    with pytest.raises(InvalidEvent) as refused:
        decoded({**WON, "type": type_, "data": data})

    assert "canary" not in str(refused.value)
    assert "李" not in str(refused.value)
