"""What was ever told stays readable: golden events for ever, and steps from each version to the next."""

import json
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from events import codec
from events.base import SalesEvent
from events.codec import InvalidEvent, UnknownEvent
from events.deals import DealLost
from events.envelope import Entry
from events.samples import full_sample, told
from events.upcasts import UPCASTS, Data, upcast
from events.vocabulary import BY_TYPE, EVENTS
from events.words import Reason
from tests.events.telling import WON, decoded, journalled

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
VERSIONS = [(event, version) for event in EVENTS for version in range(1, event.VERSION + 1)]
each_version = pytest.mark.parametrize(
    ("event", "version"), VERSIONS, ids=[f"{event.TYPE}.v{version}" for event, version in VERSIONS]
)


def golden(event: type[SalesEvent], version: int) -> dict[str, Any]:
    path = GOLDEN / f"{event.TYPE}.v{version}.json"
    if not path.exists():
        cloud_event = told(full_sample(event), id="golden")
        made = decoded(cloud_event)
        text = {"told": cloud_event, "digest": made.digest.hex(), "journalled": json.loads(made.body)}
        text["data"] = codec.as_dict(made.data)
        pytest.fail(
            f"{path.relative_to(GOLDEN.parents[2])} is missing. It keeps version {version} of {event.TYPE} readable "
            f"for ever; write it once:\n{json.dumps(text, ensure_ascii=False, indent=2)}",
            pytrace=False,
        )
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@each_version
def test_a_golden_event_decodes_to_the_same_for_ever(event: type[SalesEvent], version: int) -> None:
    kept = golden(event, version)

    made = decoded(kept["told"])

    assert codec.as_dict(made.data) == kept["data"], f"{event.TYPE} told in version {version} means something else now"
    if version == event.VERSION:
        assert json.loads(made.body) == kept["journalled"]
        assert made.digest.hex() == kept["digest"], (
            f"the digest of {event.TYPE} changed: every event told again after an upgrade would be a conflict"
        )


@each_version
def test_a_golden_journal_reads_the_same_for_ever(event: type[SalesEvent], version: int) -> None:
    kept = golden(event, version)
    body = msgspec.json.encode(kept["journalled"])
    entry = msgspec.structs.replace(journalled(decoded(kept["told"])), body=body)

    assert codec.as_dict(codec.read(entry).data) == kept["data"]
    assert kept["journalled"]["dataschema"] == f"urn:salestream:{event.TYPE}:{version}"


def test_every_golden_event_is_of_a_known_type_and_version() -> None:
    known = {f"{event.TYPE}.v{version}.json" for event, version in VERSIONS}

    assert {path.name for path in GOLDEN.iterdir()} == known


class DealLostV3(DealLost, frozen=True, kw_only=True):
    """deal.lost as it might be one day: ``reason`` is called ``cause`` and is told."""

    VERSION: ClassVar[int] = 3

    cause: Reason


def tell_a_reason(data: Data) -> Data:
    return {"reason": "unknown", **data}


def rename_reason(data: Data) -> Data:
    return {"cause": data["reason"], **{name: value for name, value in data.items() if name != "reason"}}


STEPS = {("deal.lost", 1): tell_a_reason, ("deal.lost", 2): rename_reason}


@pytest.fixture
def version_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """A codec that knows version 3 of deal.lost."""
    for key, step in STEPS.items():
        monkeypatch.setitem(UPCASTS, key, step)
    monkeypatch.setitem(codec._FORMS, "deal.lost", codec._form(DealLostV3))


def lost(version: int, **data: Any) -> dict[str, Any]:
    return {**WON, "type": "deal.lost", "dataschema": f"urn:salestream:deal.lost:{version}", "data": data}


def stored(version: int, **data: Any) -> Entry:
    """An entry as a codec of that version wrote it."""
    entry = journalled(decoded({**WON, "type": "deal.reopened", "data": {"deal_id": "D-1", "stage": "s"}}))
    return msgspec.structs.replace(entry, type="deal.lost", body=msgspec.json.encode(lost(version, **data)))


def test_steps_lead_from_any_version_to_the_newest() -> None:
    assert upcast("deal.lost", 1, 3, {"deal_id": "D-1"}, STEPS) == {"deal_id": "D-1", "cause": "unknown"}
    assert upcast("deal.lost", 2, 3, {"deal_id": "D-1", "reason": "price"}, STEPS)["cause"] == "price"
    assert upcast("deal.lost", 3, 3, {"deal_id": "D-1"}, STEPS) == {"deal_id": "D-1"}


def test_a_missing_step_is_our_mistake_and_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UPCASTS, ("deal.lost", 1), tell_a_reason)

    with pytest.raises(KeyError):
        upcast("deal.lost", 1, 3, {"deal_id": "D-1"})
    with pytest.raises(AssertionError, match=r"deal\.lost: add its step from version 2 to UPCASTS"):
        codec._form(DealLostV3)


@pytest.mark.usefixtures("version_3")
def test_older_versions_are_told_and_read_as_the_newest() -> None:
    new = DealLostV3(deal_id="D-1", cause="price")

    assert decoded(lost(3, deal_id="D-1", cause="price")).data == new
    assert decoded(lost(2, deal_id="D-1", reason="price")).data == new
    assert json.loads(decoded(lost(1, deal_id="D-1")).body)["dataschema"] == "urn:salestream:deal.lost:3"
    assert codec.read(stored(3, deal_id="D-1", cause="price")).data == new
    assert codec.read(stored(2, deal_id="D-1", reason="price")).data == new
    assert codec.read(stored(1, deal_id="D-1")).data == DealLostV3(deal_id="D-1", cause="unknown")


@pytest.mark.usefixtures("version_3")
def test_what_does_not_fit_its_version_is_refused_and_what_is_newer_is_unknown() -> None:
    with pytest.raises(InvalidEvent, match=r"^data is not of version 2; allowed: "):
        decoded(lost(2, deal_id="D-1"))
    with pytest.raises(InvalidEvent, match=r"^dataschema is 'urn:salestream:deal\.lost:4'; allowed: "):
        decoded(lost(4, deal_id="D-1"))
    with pytest.raises(UnknownEvent, match=r"deal\.lost:4 at position 7 is newer than this version knows"):
        codec.read(stored(4, deal_id="D-1"))


def test_there_is_a_step_for_every_older_version() -> None:
    assert set(UPCASTS) == {(type_, v) for type_, event in BY_TYPE.items() for v in range(1, event.VERSION)}
