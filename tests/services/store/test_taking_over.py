"""At most one poster writes for a tenant; one that was taken over from neither doubles nor loses anything."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from services.store.columns import postings_table
from services.store.port import Fenced, StoreError
from services.store.server import ServerStore, open_server
from tests.clickhouse.running import RunningServer
from tests.clickhouse.server import Fault
from tests.services.store.contract import events
from tests.services.store.taking_over import POINTS, before_sending, write, wrong
from tests.services.store.telling import applied, line

ROOT = Path(__file__).parents[3]
FENCED = r"^another process has taken over writing the ledger of [^\n]+; this one has stopped$"

WRITER = """
import sys
from services.store.port import Fenced
from services.store.server import open_server
from tests.services.store.taking_over import write
store, tenant = open_server(sys.argv[1]), sys.argv[2]
store.recover(tenant)
position = store.checkpoint(tenant).position
try:
    while True:
        position += 1
        write(store, tenant, position)
        print(position, flush=True)
except Fenced as error:
    print(error, flush=True)
"""
"""A process that writes event after event until it is fenced."""


@pytest.fixture
def other(clickhouse: RunningServer) -> Iterator[ServerStore]:
    """Another process's store."""
    store = open_server(clickhouse.url)
    yield store
    store.close()


def without_fence(patch: pytest.MonkeyPatch) -> None:
    """The bug that the fence prevents."""
    patch.setattr(ServerStore, "_fence", lambda self, tenant, owner: "1")


@contextmanager
def merges_stopped_after_recovery(patch: pytest.MonkeyPatch, store: ServerStore) -> Iterator[None]:
    """So that no merge makes two rows one before the test looks. Deletions wait for merges, so only after them."""
    recover = store.recover

    def recovering(tenant: str) -> None:
        recover(tenant)
        store._command("SYSTEM STOP MERGES", {})

    patch.setattr(store, "recover", recovering)
    try:
        yield
    finally:
        store._command("SYSTEM START MERGES", {})


def taking_over(other: ServerStore, tenant: str, *positions: int) -> Callable[[], None]:
    """Another process begins, and writes."""

    def act() -> None:
        other.recover(tenant)
        write(other, tenant, *positions)

    return act


class TestTwoWriters:
    """The later one writes."""

    def test_the_earlier_one_is_told_and_writes_nothing(
        self, server_store: ServerStore, other: ServerStore, tenant: str
    ) -> None:
        write(server_store, tenant, 1)
        taking_over(other, tenant, 2)()

        with pytest.raises(Fenced, match=FENCED):
            write(server_store, tenant, 2, 3)
        with pytest.raises(Fenced, match="begin again"):
            write(server_store, tenant, 3)

        assert wrong(other, tenant, 2) == []

    def test_it_may_begin_again_and_goes_on_where_the_other_was(
        self, server_store: ServerStore, other: ServerStore, tenant: str
    ) -> None:
        write(server_store, tenant, 1)
        taking_over(other, tenant, 2)()

        server_store.recover(tenant)
        assert server_store.checkpoint(tenant).position == 2
        write(server_store, tenant, 3)

        assert wrong(server_store, tenant, 3) == []
        with pytest.raises(Fenced, match=FENCED):
            write(other, tenant, 4)

    def test_tenants_are_taken_over_one_by_one(
        self, server_store: ServerStore, other: ServerStore, tenant: str
    ) -> None:
        write(server_store, tenant, 1)
        write(server_store, f"{tenant}-b", 1)
        other.recover(tenant)
        write(server_store, f"{tenant}-b", 2)
        assert wrong(other, f"{tenant}-b", 2) == []

    def test_readers_see_how_far_it_is(self, server_store: ServerStore, other: ServerStore, tenant: str) -> None:
        assert other.checkpoint(tenant).position == 0
        write(server_store, tenant, 1, 2)
        assert other.checkpoint(tenant).position == 2
        assert other.lines(tenant) == 4

    def test_beginning_takes_nobody_into_the_list_of_ledgers(self, server_store: ServerStore, tenant: str) -> None:
        server_store.recover(tenant)
        assert tenant not in server_store.tenants()


class TestZombies:
    """Stopped in the middle, and awake again when another has taken over."""

    @pytest.mark.parametrize("table", POINTS)
    def test_a_late_write_comes_to_nothing(
        self, server_store: ServerStore, other: ServerStore, tenant: str, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.late(server_store, other, tenant, table, monkeypatch) == []

    @pytest.mark.parametrize("table", POINTS)
    def test_without_the_fence_it_would_be_seen(
        self, server_store: ServerStore, other: ServerStore, tenant: str, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        without_fence(monkeypatch)
        with merges_stopped_after_recovery(monkeypatch, other):
            found = self.late(server_store, other, tenant, table, monkeypatch)
        # A checkpoint of an older epoch does not hold, fence or not.
        assert bool(found) == (table != "checkpoints")

    @staticmethod
    def late(
        zombie: ServerStore, other: ServerStore, tenant: str, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> list[str]:
        """What is wrong after a write that slept while another process wrote the same and one more."""
        write(zombie, tenant, 1)
        act = taking_over(other, tenant, 2, 3)
        with before_sending(monkeypatch, zombie, table, act), pytest.raises(Fenced, match=FENCED):
            write(zombie, tenant, 2)
        return wrong(other, tenant, 3)

    def test_a_late_deletion_comes_to_nothing(
        self, server_store: ServerStore, other: ServerStore, tenant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.deletion(server_store, other, tenant, monkeypatch) == []

    def test_without_the_fence_it_would_take_lines_away_and_be_seen(
        self, server_store: ServerStore, other: ServerStore, tenant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        without_fence(monkeypatch)
        assert self.deletion(server_store, other, tenant, monkeypatch) != []
        with pytest.raises(
            StoreError, match=r"^the postings of [^\n]+ have 4 rows too few; [^\n]+ salestream rebuild$"
        ):
            other.recover(tenant)

    @staticmethod
    def deletion(zombie: ServerStore, other: ServerStore, tenant: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is wrong after a recovery that slept before it deleted, while another process recovered and wrote."""
        write(zombie, tenant, 1)
        zombie._put(tenant, "postings", postings_table(tenant, [line(2)]), "broken off")
        command = zombie._command
        acted: list[str] = []

        def sleeping(sql: str, parameters: object) -> None:
            if sql.startswith("ALTER TABLE {postings} DELETE") and not acted:
                acted.append(sql)
                taking_over(other, tenant, 2, 3)()
            command(sql, parameters)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(zombie, "_command", sleeping)
            with pytest.raises(Fenced, match=FENCED):
                zombie.recover(tenant)
        assert acted
        return wrong(other, tenant, 3)

    def test_a_checkpoint_that_was_judged_before_the_claim_and_written_after_it_holds(
        self, server_store: ServerStore, other: ServerStore, tenant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(server_store, tenant, 1)
        with monkeypatch.context() as patch:
            without_fence(patch)
            claiming = before_sending(patch, server_store, "checkpoints", lambda: other._claim(tenant))
            with claiming, pytest.raises(Fenced, match=FENCED):
                write(server_store, tenant, 2)
        assert other.checkpoint(tenant).position == 2

        other.recover(tenant)
        assert other.checkpoint(tenant).position == 2, "what readers have seen does not go back"
        assert wrong(other, tenant, 2) == []
        write(other, tenant, 3)
        assert wrong(other, tenant, 3) == []

    def test_parked_events_are_tried_again_by_one(
        self, server_store: ServerStore, other: ServerStore, tenant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server_store.write(tenant, [applied(1, tenant=tenant, parked="no")], [])
        done = [applied(1, tenant=tenant)], [line(1), line(1, 1)]

        def act() -> None:
            other.recover(tenant)
            other.unpark(tenant, *done)

        with before_sending(monkeypatch, server_store, "postings", act), pytest.raises(Fenced, match=FENCED):
            server_store.unpark(tenant, *done)

        assert wrong(other, tenant, 1) == []

    def test_one_that_is_really_stopped(self, other: ServerStore, tenant: str, clickhouse: RunningServer) -> None:
        command = [sys.executable, "-c", WRITER, clickhouse.url, tenant]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as zombie:
            assert zombie.stdout is not None
            assert zombie.stdout.readline() == "1\n"
            zombie.stdout.readline()
            zombie.send_signal(signal.SIGSTOP)

            other.recover(tenant)
            last = other.checkpoint(tenant).position + 1
            write(other, tenant, last)
            zombie.send_signal(signal.SIGCONT)

            told = zombie.stdout.read().splitlines()
        assert "another process has taken over" in told[-1]
        assert wrong(other, tenant, last) == []


class TestRunning:
    """A statement of an earlier owner that the server is still executing."""

    @pytest.mark.parametrize("table", POINTS)
    def test_is_ended_when_another_takes_over(
        self, server_store: ServerStore, other: ServerStore, tenant: str, clickhouse: RunningServer, table: str
    ) -> None:
        write(server_store, tenant, 1)
        clickhouse.fault(Fault("wait within", match=f"^INSERT INTO {table} ", seconds=3))
        raised: list[StoreError] = []
        writer = Thread(target=_attempt, args=(server_store, tenant, raised))
        writer.start()
        running = f"SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO {table} %'"
        while other.query(running, {}) == [(0,)]:
            pass

        taking_over(other, tenant, 2, 3)()
        writer.join()

        assert [type(error) for error in raised] == [Fenced]
        assert wrong(other, tenant, 3) == []


class TestSwitched:
    """A rebuild puts other tables in place while somebody writes."""

    def test_who_wrote_into_the_old_ones_begins_anew(
        self, server_store: ServerStore, other: ServerStore, tenant: str
    ) -> None:
        write(server_store, tenant, 1, 2)
        beside = other.beside()
        write(beside, tenant, 1)  # type: ignore[arg-type]
        other.switch(beside)

        with pytest.raises(Fenced, match=FENCED):
            write(server_store, tenant, 3)
        server_store.recover(tenant)
        assert server_store.checkpoint(tenant).position == 1
        write(server_store, tenant, 2, 3)

        assert wrong(server_store, tenant, 3) == []
        assert events(other, tenant) == [(1, ""), (2, ""), (3, "")]


def _attempt(store: ServerStore, tenant: str, raised: list[StoreError]) -> None:
    try:
        write(store, tenant, 2)
    except StoreError as error:
        raised.append(error)
