"""Rebuilding beside and switching; verifying, which changes nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from events.codec import decode
from projections.books.deal import DealBook
from projections.catalogue import KPIS
from services.replay import rebuild as rebuilding
from services.replay.compare import questions
from services.replay.digest import ledger_digest
from services.replay.rebuild import ALL, Step, rebuild
from services.replay.verify import verify
from services.settings import Settings
from services.status import status
from services.workspace import Workspace
from tests.oracle.real_path import NOW_MS
from tests.services.processor.stories import story
from tests.services.store.test_crashes import failing


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One KPI is compared, so that it does not take long."""
    monkeypatch.setattr(rebuilding, "questions", lambda: questions(KPIS[:1]))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Two tenants in one folder."""
    with Workspace(Settings(data=tmp_path)) as opened:
        tell(opened, "one", story(60))
        tell(opened, "two", story(30, seed=7))
        opened.post_all()
        yield opened


def tell(workspace: Workspace, tenant: str, events: list[dict[str, Any]]) -> None:
    batch = [decode({**event, "tenant": tenant}, now_ms=NOW_MS, currency="CNY") for event in events]
    workspace.journal.append(batch, now_ms=NOW_MS)


def digests(workspace: Workspace) -> list[str]:
    return [ledger_digest(workspace.store, tenant, 10**9) for tenant in ("one", "two")]


def spoil(workspace: Workspace, table: str = "postings") -> None:
    """Lose a row of tenant one."""
    where = "tenant = 'one' AND position = (SELECT max(position) FROM postings WHERE tenant = 'one')"
    workspace.store._command(f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 2", {})


def tables(workspace: Workspace) -> set[str]:
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase()"
    return {name for (name,) in workspace.store.query(sql, {})}


DONE: Final[dict[str, Any]] = {
    "cut": {}, "changed": [], "compared": 0, "asked": 0, "movers": [], "undeclared": [], "switched": True,
}  # fmt: skip
"""What a rebuild tells whose ledger is the same as before."""


def seen() -> tuple[list[int], Callable[[int], None]]:
    """Progress as it is told, and who it is told to."""
    found: list[int] = []
    return found, found.append


class TestRebuild:
    """Fresh tables from the journal, exchanged in one step."""

    def test_of_a_good_ledger_changes_nothing(self, workspace: Workspace) -> None:
        before = digests(workspace)
        steps: list[Step] = []

        assert rebuild(workspace, steps.append) == DONE | {
            "events": 90, "tenants": ["one", "two"], "cut": {"one": 60, "two": 30},
        }  # fmt: skip

        assert digests(workspace) == before
        assert steps[-1] == Step("posting", 90, 90)
        assert verify(workspace)["ok"]

    def test_of_a_spoiled_one_mends_it_and_says_whose_changed(self, workspace: Workspace) -> None:
        before = digests(workspace)
        spoil(workspace)
        assert rebuild(workspace, expect=[ALL])["changed"] == ["one"]
        assert digests(workspace) == before

    def test_posting_goes_on_after_it(self, workspace: Workspace) -> None:
        rebuild(workspace)
        tell(workspace, "one", story(80)[60:])
        assert workspace.post_all() == 20
        assert verify(workspace)["ok"]

    def test_it_takes_in_what_was_not_posted_yet(self, workspace: Workspace) -> None:
        tell(workspace, "one", story(80)[60:])
        assert rebuild(workspace)["events"] == 110
        assert workspace.store.checkpoint("one").position == 80
        assert workspace.post_all() == 0

    def test_what_was_parked_and_can_be_posted_now_is_posted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Workspace(Settings(data=tmp_path)) as workspace:
            with monkeypatch.context() as patch:
                patch.setattr(DealBook, "post", failing)
                tell(workspace, "one", story(60))
                workspace.post_all()
                assert len(workspace.store.parked("one")) > 5
            assert rebuild(workspace, expect=[ALL])["changed"] == ["one"]
            assert workspace.store.parked("one") == []

    def test_an_empty_folder_is_fine(self, tmp_path: Path) -> None:
        with Workspace(Settings(data=tmp_path)) as workspace:
            assert rebuild(workspace) == DONE | {"events": 0, "tenants": []}
            assert verify(workspace) == {"ok": True, "tenants": []}


class TestVerify:
    """Rebuilt into scratch it is the same to the bit, and the laws hold."""

    def test_a_good_ledger(self, workspace: Workspace) -> None:
        progress, tell_progress = seen()
        told = verify(workspace, tell_progress)

        assert told["ok"]
        assert [each["tenant"] for each in told["tenants"]] == ["one", "two"]
        assert [each["ledger"] for each in told["tenants"]] == digests(workspace)
        assert all(each["ledger"] == each["rebuilt"] for each in told["tenants"])
        assert all(set(each["laws"].values()) == {"holds"} for each in told["tenants"])
        assert sum(progress) == 90

    def test_a_spoiled_one(self, workspace: Workspace) -> None:
        spoil(workspace)
        one, two = verify(workspace)["tenants"]

        assert (one["ok"], two["ok"]) == (False, True)
        assert one["ledger"] != one["rebuilt"]
        assert one["laws"]["lines_are_all_there"].startswith("broken: lines, ")

    def test_a_lost_event_breaks_a_law_though_no_line_is_missing(self, workspace: Workspace) -> None:
        spoil(workspace, "history")
        (one, _) = verify(workspace)["tenants"]
        assert one["ledger"] == one["rebuilt"]
        assert not one["ok"]
        assert one["laws"]["events_are_single"].startswith("broken: events, ")

    def test_a_changed_amount_is_seen_though_no_law_is_broken(self, workspace: Workspace) -> None:
        workspace.store._command(
            "ALTER TABLE postings UPDATE since_ms = since_ms + 1 WHERE tenant = 'one' SETTINGS mutations_sync = 2", {}
        )
        (one, _) = verify(workspace)["tenants"]
        assert (one["ok"], set(one["laws"].values())) == (False, {"holds"})

    def test_it_leaves_nothing_behind(self, workspace: Workspace) -> None:
        before = tables(workspace), digests(workspace)
        verify(workspace)
        assert (tables(workspace), digests(workspace)) == before


class TestStatus:
    """How far everything is."""

    def test_it_tells_positions_identities_and_laws(self, workspace: Workspace) -> None:
        tell(workspace, "one", [*story(70)[60:], *story(70)[60:]])
        told = status(workspace)

        one, two = told["tenants"]
        assert (one["journal"]["position"], one["ledger"]["position"], one["lag"]) == (70, 60, 10)
        assert (one["told"], one["accepted"], one["duplicates"], one["refused"]) == (80, 70, 10, 0)
        assert (one["applied"], one["parked"]) == (60, 0)
        assert one["identity_holds"]
        assert one["laws_hold"]
        assert two["lag"] == 0
        assert set(told["bytes"]) == {"journal", "postings", "history", "checkpoints"}

    def test_it_tells_what_is_broken(self, workspace: Workspace) -> None:
        spoil(workspace)
        (one, _) = status(workspace)["tenants"]
        assert not one["laws_hold"]
        assert one["laws"]["lines_are_all_there"].startswith("broken: ")
