"""The company: the same every time, valid to the last event, and in recorded order."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.codec import decode
from events.envelope import MAX_EVENT_BYTES
from events.vocabulary import BY_TYPE
from services.ingest import Ingest
from services.journal.sqlite import SqliteJournal
from services.simulator.company import Company
from services.simulator.mess import NO_MESS, Mess

NOW_MS = 1_790_000_000_000
"""2026-09-21, after everything that is told here."""
SMALL = Company(reps=6, years=1)


@pytest.fixture(scope="module")
def clean() -> list[dict[str, Any]]:
    """Two years of a small company without any mess."""
    return list(Company(reps=8, mess=NO_MESS).events())


def digest_in_a_process_of_its_own(hash_seed: str, zone: str) -> str:
    code = (
        "import hashlib; from services.simulator.company import Company; "
        "print(hashlib.sha256(b''.join(Company(reps=6, years=1).lines())).hexdigest())"
    )
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, env=env, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_the_same_seed_gives_the_same_bytes_whatever_the_process() -> None:
    here = hashlib.sha256(b"".join(SMALL.lines())).hexdigest()
    assert digest_in_a_process_of_its_own("1", "UTC") == here
    assert digest_in_a_process_of_its_own("4242", "America/New_York") == here


def test_the_bytes_are_those_of_the_day_this_was_written() -> None:
    """Whoever changes the story changes this; whoever does not has broken the promise of one story per seed."""
    told = b"".join(Company(reps=2, until=date(2024, 3, 1)).lines())
    assert hashlib.sha256(told).hexdigest()[:16] == "641267a25a1974c2"


def test_another_seed_is_another_company() -> None:
    first, second = (list(Company(seed=seed, reps=2, years=1, mess=NO_MESS).events()) for seed in (1, 2))
    assert first != second


def test_every_clean_event_is_valid_and_told_once(clean: list[dict[str, Any]]) -> None:
    for event in clean:
        told = decode(event, now_ms=NOW_MS, currency="CNY", importer=True)
        assert told.recorded_ms is not None
        assert told.at_ms <= told.recorded_ms
        assert len(told.body) < MAX_EVENT_BYTES
    assert len({(event["source"], event["id"]) for event in clean}) == len(clean)


def test_every_type_of_event_occurs_and_touchpoints_most(clean: list[dict[str, Any]]) -> None:
    types = Counter(event["type"] for event in Company(reps=8).events())
    assert types.keys() == BY_TYPE.keys() - {"subject.erased", "wall.defined"}
    assert types.most_common(1)[0][0] == "touchpoint.logged"
    assert {event["type"] for event in clean} == BY_TYPE.keys() - {"event.voided", "subject.erased", "wall.defined"}


@pytest.mark.parametrize("mess", [NO_MESS, Mess()], ids=["clean", "messy"])
def test_recorded_never_goes_back_nor_lies_before_occurred(mess: Mess) -> None:
    last = ""
    for event in Company(reps=4, years=1, mess=mess).events():
        assert event["time"] <= event["recordedtime"]
        assert last <= event["recordedtime"]
        last = event["recordedtime"]
    assert last < "2025"


def test_nothing_is_told_of_the_first_day_left_out() -> None:
    until = date(2024, 2, 10)
    events = list(Company(reps=3, until=until).events())
    assert events[0]["recordedtime"] >= "2024-01-01"
    assert "2024-02-09" < events[-1]["recordedtime"] < "2024-02-10"


def test_the_beginning_does_not_depend_on_the_end() -> None:
    whole = list(Company(reps=3, years=2).events())
    part = list(Company(reps=3, until=date(2025, 2, 1)).events())
    assert whole[: len(part)] == part


def test_more_reps_tell_more() -> None:
    few, many = (sum(1 for _ in Company(reps=reps, years=1, mess=NO_MESS).events()) for reps in (5, 20))
    assert 3 * few < many < 5 * few


def test_one_rep_is_a_company_too() -> None:
    assert sum(1 for _ in Company(reps=1, years=3).events()) > 1000


def test_the_story_belongs_to_its_tenant() -> None:
    assert {event["tenant"] for event in Company(reps=1, until=date(2024, 1, 9), tenant="acme").events()} == {"acme"}


def test_lines_are_the_events_as_json() -> None:
    company = Company(reps=1, until=date(2024, 1, 9))
    assert [msgspec.json.decode(line) for line in company.lines()] == list(company.events())


@pytest.mark.parametrize("wrong", [{"reps": 0}, {"years": 0}, {"until": date(2024, 1, 1)}])
def test_a_company_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Company(**wrong)


def test_told_is_accepted_and_duplicates_and_refused(tmp_path: Path) -> None:
    told = list(SMALL.lines())
    with SqliteJournal(tmp_path / "journal.sqlite") as journal:
        reports = list(Ingest(journal, "CNY").ingest_lines(told, now=lambda: NOW_MS))
        tally = journal.tally("default")
        assert tally.told == len(told) == tally.accepted + tally.duplicates + tally.refused
        assert min(tally.accepted, tally.duplicates, tally.refused) > 0
        assert tally.refused == sum(len(report.refused) for report in reports)
        assert journal.head("default").position == tally.accepted
