"""The books of leads, customers and reps, rule by rule."""

from typing import Any

import pytest

from events.customers import CustomerChurned, CustomerReturned, CustomerUpdated
from events.leads import LeadCreated, LeadDisqualified, LeadQualified
from events.people import RepAssigned, RepLeft
from events.planning import CalendarDefined, FxRateSet, PipelineDefined, TargetSet
from tests.projections.telling import Told, make, posted, short


def created(day: str, **told: Any) -> Told:
    return make(LeadCreated, f"2026-03-{day}", **told)


def qualified(day: str) -> Told:
    return make(LeadQualified, f"2026-03-{day}")


class TestLead:
    """A lead counts once for each of the three things."""

    def test_created_then_qualified_then_turned_away(self) -> None:
        lines = posted(
            created("02", channel="web", customer_id="C-1"),
            qualified("05"),
            make(LeadDisqualified, "2026-03-09", reason="price"),
        )

        assert short(lines, "channel", "customer", "lead", "reason") == [
            ("03-02", "lead_created", 1, 0, "web", "C-1", "L-1", ""),
            ("03-05", "lead_qualified", 1, 0, "web", "C-1", "L-1", ""),
            ("03-09", "lead_disqualified", 1, 0, "web", "C-1", "L-1", "price"),
        ]

    @pytest.mark.parametrize("again", [created("09", channel="expo"), qualified("09")], ids=["created", "qualified"])
    def test_what_happened_once_counts_once(self, again: Told) -> None:
        assert posted(created("02"), qualified("05"), again) == posted(created("02"), qualified("05"))

    def test_it_exists_from_its_first_event(self) -> None:
        assert short(posted(qualified("02"), created("05"))) == [
            ("03-02", "lead_created", 1, 0),
            ("03-02", "lead_qualified", 1, 0),
        ]


class TestCustomer:
    """A customer's region and segment, its leaving and coming back."""

    def test_a_profile_keeps_what_is_not_told_anew(self) -> None:
        lines = posted(
            make(CustomerUpdated, "2026-03-02", region="华东", segment="small"),
            make(CustomerUpdated, "2026-03-05", segment="big"),
        )

        assert short(lines, "customer", "region", "segment") == [
            ("03-02", "profile", 1, 0, "C-1", "华东", "small"),
            ("03-05", "profile", 1, 0, "C-1", "华东", "big"),
        ]

    def test_every_leaving_and_return_counts(self) -> None:
        lines = posted(
            make(CustomerUpdated, "2026-03-01", region="华东"),
            make(CustomerChurned, "2026-03-02", reason="price"),
            make(CustomerReturned, "2026-03-05"),
            make(CustomerChurned, "2026-03-09"),
        )

        assert short(lines[1:], "reason", "region") == [
            ("03-02", "churned", 1, 0, "price", "华东"),
            ("03-05", "returned", 1, 0, "", "华东"),
            ("03-09", "churned", 1, 0, "", "华东"),
        ]


class TestRep:
    """Where a rep belongs."""

    def test_each_assignment_is_a_full_statement(self) -> None:
        lines = posted(
            make(RepAssigned, "2026-03-02", team_id="t1", region="华东", manager_id="m1"),
            make(RepAssigned, "2026-03-05", team_id="t2"),
            make(RepLeft, "2026-03-09"),
        )

        assert short(lines, "rep_id", "team_id", "region", "manager_id") == [
            ("03-02", "assigned", 1, 0, "rep-7", "t1", "华东", "m1"),
            ("03-05", "assigned", 1, 0, "rep-7", "t2", "", ""),
            ("03-09", "left", 1, 0, "rep-7", "", "", ""),
        ]


@pytest.mark.parametrize(
    "event", [TargetSet, FxRateSet, PipelineDefined, CalendarDefined], ids=lambda event: event.TYPE
)
def test_definitions_post_nothing(event: Any) -> None:
    assert posted(make(event, "2026-03-02")) == []
