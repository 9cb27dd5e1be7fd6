"""A rebuild beside living tables: nothing is mixed, nothing is lost, and nothing moves that was not said to."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import msgspec
import pytest

from events.deals import DealCreated, DealWon
from events.envelope import Fact
from projections.books.deal import DealBook
from projections.catalogue import BY_ID
from projections.posting import Posting
from projections.question import question
from services.books import Books
from services.control import Cancelled, Desk, ask_owner
from services.gateway.following import Follower
from services.gateway.reader import Reader
from services.processor.parallel import NICENESS
from services.replay import rebuild as rebuilding
from services.replay.compare import questions
from services.replay.digest import ledger_digest
from services.replay.estimate import estimate
from services.replay.rebuild import ALL, NothingBefore, Step, rebuild, rollback
from services.replay.verbs import verbs_of
from services.replay.verify import verify
from services.settings import Settings
from services.store.beside import Beside
from services.store.clickhouse import ClickHouseStore
from services.store.port import StoreError
from services.workspace import InUse, Workspace, WorkspaceError
from tests.services.processor.stories import CloudEvent, deal
from tests.services.replay.test_rebuild_and_verify import tables, tell

KPIS: Final = [BY_ID[name] for name in ("bookings", "deals_won", "win_rate", "deals_created")]
"""So few are compared here that it does not take long."""


def wins(first: int, last: int) -> list[CloudEvent]:
    """A deal each, won where it was made: by ana in the east, by bo in the west."""
    found = []
    for number in range(first, last + 1):
        who = {"rep_id": "ana", "region": "E"} if number % 2 else {"rep_id": "bo", "region": "W"}
        day = 1 + number % 28
        found.append(deal(day, DealCreated, f"c{number}", deal_id=f"D-{number}", amount="10.00", **who))
        found.append(deal(day, DealWon, f"w{number}", deal_id=f"D-{number}", amount="10.00", **who))
    return found


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A tenant with ten wins."""
    monkeypatch.setattr(rebuilding, "questions", lambda: questions(KPIS))
    with Workspace(Settings(data=tmp_path / "data")) as opened:
        tell(opened, "default", wins(1, 10))
        opened.post_all()
        yield opened


def state(workspace: Workspace) -> tuple[str, set[str]]:
    """The live ledger, and the tables there are; they may be read."""
    assert workspace.store.reading() is not None
    return ledger_digest(workspace.store, "default", 10**9), tables(workspace)


def bookings(books: Books, at: int | None = None) -> str:
    """All that was ever won, as it was known at a position."""
    (row,) = books.ask(question("bookings", as_of=None if at is None else str(at)))["rows"]
    return str(row["value"])


def looked(books: Books) -> tuple[int, str]:
    """A position, and what was won up to it."""
    position = books.cut(None).position
    return position, bookings(books, position)


@pytest.fixture
def bug(workspace: Workspace) -> Iterator[pytest.MonkeyPatch]:
    """From now on, until it is undone, the book of deals counts each win in the west twice."""
    post = DealBook.post

    def doubled(book: DealBook, fact: Fact) -> list[Posting]:
        return [
            msgspec.structs.replace(line, amount=2 * line.amount)
            if line.measure == "won" and line.dims.region == "W"
            else line
            for line in post(book, fact)
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DealBook, "post", doubled)
        yield patch


class TestMovers:
    """What would move is found, and has to be declared."""

    @pytest.mark.usefixtures("bug")
    def test_a_bug_that_moves_one_slice_of_one_kpi_is_refused_and_the_slice_named(self, workspace: Workspace) -> None:
        before = state(workspace)
        result = rebuild(workspace)

        assert (result["switched"], result["undeclared"]) == (False, ["bookings"])
        east_west = [each for each in result["movers"] if "region" in each["slice"]]
        assert east_west == [
            {
                "tenant": "default", "kpi": "bookings", "part": "", "period": "2026-03", "slice": {"region": "W"},
                "old": "50.00", "new": "100.00",
            },
        ]  # fmt: skip
        assert {each["slice"].get("rep_id", "bo") for each in result["movers"]} == {"bo"}
        assert state(workspace) == before

    @pytest.mark.slow
    @pytest.mark.usefixtures("bug")
    def test_of_the_whole_catalogue_only_what_the_bug_can_reach_is_asked(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rebuilding, "questions", questions)
        result = rebuild(workspace)
        assert result["compared"] == len(questions())
        assert 0 < result["asked"] < result["compared"] / 2
        assert {"bookings", "revenue", "average_deal_size"} <= set(result["undeclared"])
        assert not {"deals_won", "win_rate", "leads_created", "pipeline_value"} & set(result["undeclared"])
        assert ("bookings", {"region": "W"}) in [(each["kpi"], each["slice"]) for each in result["movers"]]

    @pytest.mark.usefixtures("bug")
    @pytest.mark.parametrize(
        ("expect", "switched"), [(["win_rate"], False), (["bookings"], True), (["win_rate", "bookings"], True)]
    )
    def test_what_is_declared_may_move_and_nothing_else(
        self, workspace: Workspace, expect: list[str], switched: bool
    ) -> None:
        assert rebuild(workspace, expect=expect)["switched"] is switched
        assert bookings(workspace.books()) == ("150.00" if switched else "100.00")

    @pytest.mark.usefixtures("bug")
    def test_lines_that_move_no_number_are_told_and_put_in_place(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rebuilding, "questions", lambda: questions([BY_ID["deals_won"]]))
        result = rebuild(workspace)
        assert (result["changed"], result["movers"], result["switched"]) == (["default"], [], True)
        assert result["compared"] == len(questions([BY_ID["deals_won"]]))

    def test_every_kpi_is_compared_as_a_whole_and_by_its_dimensions(self) -> None:
        asked = {(one.kpi.id, one.grain, one.by) for one in questions()}
        for kpi in BY_ID.values():
            whole = tuple(sorted(kpi.needs))
            assert {(kpi.id, grain, whole) for grain in ("day", "month", "quarter", "year", "total")} <= asked
        assert ("bookings", "month", ("region",)) in asked
        assert ("stage_days", "month", ("rep_id", "stage")) in asked


class TestRollback:
    """The ledger before the switch is kept, and goes on where it was."""

    def test_it_puts_the_old_ledger_back_with_what_was_told_since(
        self, workspace: Workspace, bug: pytest.MonkeyPatch
    ) -> None:
        rebuild(workspace, expect=[ALL])
        assert bookings(workspace.books()) == "150.00"
        bug.undo()
        tell(workspace, "default", wins(11, 12))
        workspace.post_all()

        assert rollback(workspace)["events"] == 4
        assert bookings(workspace.books()) == "120.00"
        assert verify(workspace)["ok"]
        assert rollback(workspace)["events"] == 0, "and the way back of the way back"
        assert bookings(workspace.books()) == "170.00"

    def test_without_an_earlier_ledger_it_says_so(self, workspace: Workspace) -> None:
        with pytest.raises(NothingBefore, match="no earlier ledger"):
            rollback(workspace)

    def test_a_rebuild_that_is_refused_keeps_it(self, workspace: Workspace, bug: pytest.MonkeyPatch) -> None:
        rebuild(workspace, expect=[ALL])
        bug.undo()
        assert not rebuild(workspace)["switched"]
        rollback(workspace)
        assert bookings(workspace.books()) == "100.00"


class TestGivenUp:
    """Whatever ends a rebuild, the live tables are as they were, and the next one is clean."""

    @pytest.mark.usefixtures("bug")
    def test_cancelled_at_ten_points(self, workspace: Workspace) -> None:
        before = state(workspace)
        for after in range(1, 11):
            steps: list[Step] = []

            def cancel(step: Step, after: int = after, steps: list[Step] = steps) -> None:
                steps.append(step)
                if len(steps) == after:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                rebuild(workspace, cancel)
            assert state(workspace) == before

        assert {step.phase for step in steps} == {"posting", "comparing"}
        assert rebuild(workspace, expect=[ALL])["switched"]

    @pytest.mark.parametrize("table", ["history", "postings", "checkpoints"])
    def test_the_disk_is_full(self, workspace: Workspace, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
        before = state(workspace)

        def full(store: ClickHouseStore, *told: Any) -> None:
            raise StoreError("the store could not be written: No space left on device")

        with monkeypatch.context() as patch:
            if table == "checkpoints":
                patch.setattr(ClickHouseStore, "move_checkpoint", full)
            else:
                insert = ClickHouseStore.insert
                patch.setattr(
                    ClickHouseStore,
                    "insert",
                    lambda store, name, rows: (full if name == table else insert)(store, name, rows),
                )
            with pytest.raises(StoreError, match="No space left"):
                rebuild(workspace)

        assert state(workspace) == before
        assert rebuild(workspace)["switched"]
        assert verify(workspace)["ok"]


class TestLive:
    """Events arrive and boards are read while it runs."""

    def test_what_arrives_is_in_the_new_tables_and_no_reader_sees_less_than_before(self, workspace: Workspace) -> None:
        store = Beside(lambda: workspace.store)
        reader, seen, done = Reader(store, workspace.settings), [], Event()

        def watch() -> None:
            while not done.is_set():
                seen.append(asyncio.run(reader.ask(None, looked)))
                time.sleep(0.05)  # the engine takes one statement at a time, and is not fair about whose

        with Follower(workspace) as follower:
            watching = Thread(target=watch)
            watching.start()
            told = 10

            def arrive(step: Step) -> None:
                nonlocal told
                if told >= 25:  # who tells with every step that is made would never be caught up with
                    return
                told += 1
                tell(workspace, "default", wins(told, told))
                follower.wake()

            try:
                for _ in range(2):
                    assert rebuild(workspace, arrive)["switched"]
            finally:
                done.set()
                watching.join()
        reader.close()

        assert told > 12
        assert len(seen) > 3
        assert seen == sorted(seen, key=lambda each: each[0])
        assert all(float(value) == position // 2 * 10 for position, value in seen)
        assert bookings(workspace.books()) == f"{told * 10}.00"
        assert verify(workspace)["ok"]

    def test_a_question_that_an_exchange_cuts_through_is_asked_anew(self, workspace: Workspace) -> None:
        """Half of its rows would be of one set of tables, and half of the other."""
        tell(workspace, "default", wins(11, 11))
        workspace.post_all()
        beside, asked = workspace.store.beside(), []

        def work(word: str) -> int:
            asked.append(word)
            if len(asked) == 1:
                workspace.store.switch(beside)
            return workspace.store.read_checkpoint("default").position

        assert Beside(lambda: workspace.store).whole(work) == 0
        assert len(set(asked)) == 2


class TestOnRequest:
    """Who owns the folder does it for a command line that finds it owned."""

    @pytest.mark.slow
    def test_its_helpers_give_way_to_who_is_served(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("services.workspace.LONG", 1)
        monkeypatch.setattr("os.cpu_count", lambda: 2)  # one core has no helpers
        seen: list[set[int]] = []

        def look(step: Step) -> None:
            helpers = multiprocessing.active_children()
            seen.append({os.getpriority(os.PRIO_PROCESS, helper.pid or 0) for helper in helpers})

        rebuild(workspace, look)
        assert seen[0] == {os.getpriority(os.PRIO_PROCESS, 0)}, "nobody else is served"
        verbs_of(workspace)
        seen.clear()
        rebuild(workspace, look)
        assert seen[0] == {NICENESS}

    def test_the_owner_rebuilds_and_tells_how_far_it_is(self, workspace: Workspace) -> None:
        steps: list[Any] = []
        with Desk(workspace.folder, verbs_of(workspace)):
            assert (workspace.folder / "control.json").stat().st_mode & 0o777 == 0o600
            done = ask_owner(workspace.folder, "rebuild", {"expect": []}, steps.append, otherwise=InUse("in use"))
        assert (done["events"], done["switched"]) == (20, True)
        assert steps[-1] == {"phase": "posting", "done": 20, "total": 20}

    def test_without_a_desk_the_folder_is_in_use(self, workspace: Workspace) -> None:
        with pytest.raises(InUse, match="in use by 7"):
            ask_owner(workspace.folder, "rebuild", {}, print, otherwise=InUse("in use by 7"))

    def test_an_error_comes_back_in_its_words(self, workspace: Workspace) -> None:
        with Desk(workspace.folder, verbs_of(workspace)), pytest.raises(WorkspaceError, match="no earlier ledger"):
            ask_owner(workspace.folder, "rollback", {}, print, otherwise=InUse("in use"))

    @pytest.mark.usefixtures("bug")
    def test_who_goes_away_ends_it(self, workspace: Workspace) -> None:
        before = state(workspace)

        def leave(step: Any) -> None:
            raise KeyboardInterrupt

        with Desk(workspace.folder, verbs_of(workspace)), pytest.raises(KeyboardInterrupt):
            ask_owner(workspace.folder, "rebuild", {"expect": [ALL]}, leave, otherwise=InUse("in use"))
        assert state(workspace) == before

    def test_one_at_a_time(self, workspace: Workspace) -> None:
        begun, go = Event(), Event()

        def wait(words: Any, told: Any) -> str:
            begun.set()
            assert go.wait(30)
            return "done"

        with Desk(workspace.folder, {"wait": wait}):
            first: list[str] = []
            asking = Thread(
                target=lambda: first.append(ask_owner(workspace.folder, "wait", {}, print, otherwise=InUse("")))
            )
            asking.start()
            assert begun.wait(30)
            with pytest.raises(WorkspaceError, match="another rebuild is going on"):
                ask_owner(workspace.folder, "wait", {}, print, otherwise=InUse(""))
            go.set()
            asking.join()
        assert first == ["done"]

    def test_an_end_of_the_owner_ends_it(self, workspace: Workspace) -> None:
        ended: list[str] = []

        def forever(words: Any, told: Any) -> None:
            try:
                while True:
                    told("working")
                    time.sleep(0.01)
            except Cancelled as error:
                ended.append(str(error))
                raise

        asked = Event()
        with Desk(workspace.folder, {"wait": forever}):
            asking = Thread(target=_quietly, args=(workspace.folder, lambda step: asked.set()))
            asking.start()
            assert asked.wait(30)
        asking.join()
        assert ended == ["the process that owns the data folder ends; nothing was changed"]


def _quietly(folder: Path, told: Any) -> None:
    with pytest.raises(WorkspaceError):
        ask_owner(folder, "wait", {}, told, otherwise=InUse(""))


def test_an_estimate_counts_everything_and_changes_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.replay.estimate.questions", lambda: questions(KPIS))
    before = state(workspace)
    told = estimate(workspace)
    assert (told["events"], told["sample"]) == (20, 20)
    assert told["seconds"] > 0
    assert told["comparing_s"] > 0
    assert state(workspace) == before
