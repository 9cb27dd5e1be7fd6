"""Killed at any point, the ledger goes on from its checkpoint and is the same to the bit."""

import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from events.codec import decode
from events.corrections import EventVoided
from events.customers import CustomerChurned
from events.deals import DealCreated, DealLost, DealStageMoved, DealUpdated, DealWon
from events.envelope import Fact
from events.leads import LeadCreated
from events.orders import OrderPlaced
from events.samples import SOURCE, sample, told
from events.spend import SpendRecorded
from projections.books.deal import DealBook
from projections.posting import Posting
from services.replay.digest import ledger_digest
from services.replay.rebuild import rebuild
from services.replay.verify import verify
from services.settings import Settings
from services.store.sets import LEDGER
from services.workspace import Workspace
from tests.oracle.real_path import NOW_MS
from tests.services.store.crasher import POINTS

ROOT = Path(__file__).parents[3]

DAYS = (
    sample(LeadCreated),
    sample(DealCreated, deal_id="D-1", amount="100.00", lead_id="L-1"),
    sample(DealCreated, deal_id="D-2", amount="50.00"),
    sample(SpendRecorded, amount="100.00", period_from="2026-03-01", period_to="2026-03-08"),
    sample(DealStageMoved, deal_id="D-1", to_stage="proposal"),
    sample(DealWon, deal_id="D-1", amount="90.00", cost="30.00"),
    sample(OrderPlaced, amount="70.00"),
    sample(DealLost, deal_id="D-2"),
    sample(DealUpdated, deal_id="D-1", amount="80.00"),
    sample(EventVoided, source=SOURCE, id="e8"),
    sample(DealWon, deal_id="D-2", amount="45.00"),
    sample(CustomerChurned),
)
"""One event a day."""
STATEMENTS = 55
"""A rebuild of this journal makes at least so many."""
POSTED = 4
"""How many of them are in the ledger before the crash."""


def events(first: int, last: int) -> list[dict[str, Any]]:
    return [told(DAYS[n - 1], id=f"e{n}", time=f"2026-03-{n:02d}T09:00:00Z") for n in range(first, last + 1)]


def journalled(workspace: Workspace, first: int, last: int = len(DAYS)) -> None:
    batch = [decode(event, now_ms=NOW_MS, currency="CNY") for event in events(first, last)]
    workspace.journal.append(batch, now_ms=NOW_MS)


def opened(folder: Path) -> Workspace:
    return Workspace(Settings(data=folder))


def tables(workspace: Workspace) -> set[str]:
    rows = workspace.store.query("SELECT name FROM system.tables WHERE database = currentDatabase()", {})
    return {name for (name,) in rows}


def crash(folder: Path, point: str) -> None:
    """Do what the point interrupts, and be killed there."""
    command = [sys.executable, "-m", "tests.services.store.crasher", str(folder), point]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr


def points(action: str) -> list[str]:
    return [point for point in POINTS if point.startswith(action)]


@pytest.mark.slow
class TestKilled:
    """kill -9."""

    @pytest.mark.parametrize("point", points("posting"))
    def test_while_posting(self, tmp_path: Path, point: str) -> None:
        folder = tmp_path / "data"
        with opened(folder) as workspace:
            journalled(workspace, 1, POSTED)
            workspace.post_all()
            journalled(workspace, POSTED + 1)

        crash(folder, point)

        with opened(folder) as workspace:
            assert verify(workspace)["ok"]
            assert ledger_digest(workspace.store, "default", len(DAYS)) == self.clean(workspace, tmp_path)

    @pytest.mark.parametrize("point", points("rebuild"))
    def test_while_rebuilding(self, tmp_path: Path, point: str) -> None:
        folder = tmp_path / "data"
        with opened(folder) as workspace:
            journalled(workspace, 1)
            workspace.post_all()
            good = ledger_digest(workspace.store, "default", len(DAYS))
            workspace.store._command("ALTER TABLE postings DELETE WHERE position = 6 SETTINGS mutations_sync = 2", {})
            bad = ledger_digest(workspace.store, "default", len(DAYS))

        crash(folder, point)

        with opened(folder) as workspace:
            switched = "amid" in point or "after" in point
            assert ledger_digest(workspace.store, "default", len(DAYS)) == (good if switched else bad)
            assert verify(workspace)["ok"] == switched

    def test_at_ten_random_moments_of_a_rebuild(self, tmp_path: Path) -> None:
        """Each time the live tables are whole and as they were; what is left behind disturbs nobody."""
        folder = tmp_path / "data"
        with opened(folder) as workspace:
            journalled(workspace, 1)
            workspace.post_all()
            good = ledger_digest(workspace.store, "default", len(DAYS))
            there = tables(workspace)

        for moment in Random(7).sample(range(2, STATEMENTS), 10):
            crash(folder, str(moment))
            with opened(folder) as workspace:
                assert workspace.store._sets.live() is not None, moment
                assert ledger_digest(workspace.store, "default", len(DAYS)) == good, moment
                assert workspace.store.checkpoint("default").position == len(DAYS), moment

        with opened(folder) as workspace:
            assert rebuild(workspace)["switched"]
            assert len(tables(workspace)) == len(there) + len(LEDGER), "the set before, and nothing else"
            assert verify(workspace)["ok"]

    @pytest.mark.parametrize("point", points("retry"))
    def test_while_trying_parked_events_again(
        self, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "data"
        with opened(folder) as workspace, monkeypatch.context() as patch:
            patch.setattr(DealBook, "post", failing)
            journalled(workspace, 1)
            workspace.post_all()
            assert [entry.position for entry, _, _ in workspace.store.parked("default")] == [5, 6, 9]

        crash(folder, point)

        with opened(folder) as workspace:
            workspace.poster("default").retry_parked()
            assert workspace.store.parked("default") == []
            assert verify(workspace)["ok"]

    @staticmethod
    def clean(workspace: Workspace, tmp_path: Path) -> str:
        """The digest that a ledger has to which nothing ever happened."""
        beside = workspace.store.scratch()
        workspace.post("default", beside)
        digest = ledger_digest(beside, "default", len(DAYS))
        workspace.store.drop_scratch()
        return digest


def failing(book: DealBook, fact: Fact) -> list[Posting]:
    """A book that cannot post stage moves."""
    if isinstance(fact.data, DealStageMoved):
        raise ArithmeticError("moved")
    return _post(book, fact)


_post = DealBook.post
