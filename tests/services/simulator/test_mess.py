"""The mess of life: as often as it is told to be, and it leaves the story as it is."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from events.codec import InvalidEvent, decode
from services.simulator.company import Company
from services.simulator.mess import NO_MESS, Mess
from services.simulator.scenery import FINANCE, HR

NOW_MS = 1_790_000_000_000
Identity = tuple[str, str]


def told(**shares: float) -> list[dict[str, Any]]:
    """Half a year of a company in which only this goes wrong."""
    none = dict.fromkeys(NO_MESS.__dataclass_fields__, 0.0)
    return list(Company(reps=10, years=1, mess=Mess(**(none | shares))).events())


def lag(event: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(event["recordedtime"]) - datetime.fromisoformat(event["time"])


def subject_to_mess(events: list[dict[str, Any]]) -> int:
    return sum(event["source"] not in (FINANCE, HR) for event in events)


def identity(event: dict[str, Any]) -> Identity:
    return event["source"], event["id"]


def refused(event: dict[str, Any]) -> bool:
    try:
        decode(event, now_ms=NOW_MS, currency="CNY", importer=True)
    except InvalidEvent:
        return True
    return False


def near(count: int, share: float, total: int) -> bool:
    """Within a third of what is expected; for the rare ones at least there."""
    return 0.66 * share * total < count < 1.5 * share * total


def test_late_events_are_recorded_an_hour_to_four_weeks_after_they_occurred() -> None:
    events = told(late=0.05)
    late = [lag(event) for event in events if lag(event) > timedelta(seconds=1)]
    assert near(len(late), 0.05, subject_to_mess(events))
    assert timedelta(hours=1) <= min(late) < timedelta(days=1)
    assert timedelta(weeks=2) < max(late) <= timedelta(weeks=4, seconds=1)


def test_events_overtake_each_other() -> None:
    events = told(out_of_order=0.1)
    behind = [b for a, b in pairwise(events) if b["time"] < a["time"]]
    assert near(sum(lag(event) > timedelta(seconds=1) for event in events), 0.1, subject_to_mess(events))
    assert len(behind) > 0.02 * len(events)


def test_duplicates_have_the_same_content() -> None:
    events = told(duplicates=0.04)
    first: dict[Identity, dict[str, Any]] = {}
    again = 0
    for event in events:
        if identity(event) in first:
            again += 1
            assert {**event, "recordedtime": ""} == {**first[identity(event)], "recordedtime": ""}
        first.setdefault(identity(event), event)
    assert near(again, 0.04, subject_to_mess(events))


def test_conflicts_come_after_what_they_contradict_and_are_valid_alone() -> None:
    events = told(conflicts=0.02)
    first: dict[Identity, dict[str, Any]] = {}
    other = [event for event in events if first.setdefault(identity(event), event)["data"] != event["data"]]
    assert near(len(other), 0.02, subject_to_mess(events))
    assert not any(refused(event) for event in other)


def test_mistakes_are_voided_some_before_they_are_told() -> None:
    events = told(mistakes=0.03, voided_first=0.3)
    place = {identity(event): number for number, event in enumerate(events)}
    voidings = [(number, e["data"]) for number, e in enumerate(events) if e["type"] == "event.voided"]
    places = [(number, place.get((data["source"], data["id"]))) for number, data in voidings]
    order = [voided < told for voided, told in places if told is not None]
    assert len(voidings) > 0.5 * 0.03 * subject_to_mess(events)
    assert 0.15 < sum(order) / len(order) < 0.45
    assert {event["type"] for event in events if event["id"].endswith("-1")} >= {"deal.won", "order.placed"}


def test_invalid_events_are_told_in_order_later_under_the_same_id() -> None:
    events = told(invalid=0.02)
    broken = [event for event in events if refused(event)]
    fixed = {identity(event) for event in events if not refused(event)}
    assert near(len(broken), 0.02, subject_to_mess(events))
    assert any(isinstance(event["data"].get("amount"), float) for event in broken)
    missing = [event for event in broken if identity(event) not in fixed]
    assert all(event["recordedtime"] > "2024-12-29" for event in missing)


def test_unknown_references_are_valid() -> None:
    events = told(unknown=0.02)
    strangers = [event for event in events if any(str(value).startswith("X-") for value in event["data"].values())]
    assert near(len(strangers), 0.02, subject_to_mess(events))
    assert not any(refused(event) for event in strangers)


def test_finance_and_human_resources_make_no_mess() -> None:
    events = told(late=0.5, duplicates=0.5)
    steady = [event for event in events if event["source"] in (FINANCE, HR)]
    assert all(lag(event) == timedelta(seconds=1) for event in steady)
    assert len({identity(event) for event in steady}) == len(steady)


def test_what_happened_stays_what_happened() -> None:
    """What is accepted and not voided is the clean story, but for strangers and what is still to be told."""
    clean = {identity(event): event for event in Company(reps=10, years=1, mess=NO_MESS).events()}
    stands: dict[Identity, dict[str, Any]] = {}
    voided: set[Identity] = set()
    for event in Company(reps=10, years=1).events():
        if event["type"] == "event.voided":
            voided.add((event["data"]["source"], event["data"]["id"]))
        elif not refused(event):
            stands.setdefault(identity(event), event)
    for key, event in stands.items():
        if key in voided or any(str(value).startswith("X-") for value in event["data"].values()):
            continue
        if key not in clean:
            # A mistake that nobody has found yet.
            assert event["time"] > "2024-12-24"
            continue
        assert {**event, "recordedtime": ""} == {**clean[key], "recordedtime": ""}
    missing = [event for key, event in clean.items() if key not in stands]
    assert len(missing) < 0.01 * len(clean)
    assert all(event["time"] > "2024-12-01" for event in missing)


@pytest.mark.parametrize("wrong", [{"late": -0.1}, {"late": 0.6, "duplicates": 0.6}, {"voided_first": 2}])
def test_a_mess_is_made_of_shares(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        Mess(**wrong)
