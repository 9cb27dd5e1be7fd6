"""Whatever happens to a server or on the way to it, every line stands once, and an error is one sentence."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Thread, Timer
from typing import Literal

import pytest

from services.store.port import Fenced, StoreError
from services.store.server import ServerStore, open_server
from tests.clickhouse.running import RunningServer
from tests.clickhouse.server import Fault
from tests.services.store.contract import ledger
from tests.services.store.taking_over import POINTS, write, wrong

SENTENCE = r"^the store could not be written: [^\n]+$"


def into(table: str) -> str:
    """The INSERTs into a table."""
    return f"^INSERT INTO {table} "


def without_tokens(patch: pytest.MonkeyPatch) -> None:
    """The bug that the tokens prevent."""
    patch.setattr(ServerStore, "_named_block", lambda self, tenant, owner, part: {"deduplicate_insert": "disable"})


class TestAnswersLost:
    """The server did it, and the client sends it again."""

    @pytest.mark.parametrize("table", POINTS)
    def test_what_is_sent_again_is_written_once(
        self, server_store: ServerStore, tenant: str, clickhouse: RunningServer, table: str
    ) -> None:
        write(server_store, tenant, 1)
        sent = len(clickhouse.told(f"INSERT INTO {table} "))
        clickhouse.fault(Fault("reset after", match=into(table)))

        write(server_store, tenant, 2, 3)

        assert len(clickhouse.told(f"INSERT INTO {table} ")) == sent + 2, "it was sent again"
        assert wrong(server_store, tenant, 3) == []

    @pytest.mark.parametrize("table", POINTS)
    def test_what_never_came_is_sent_again(
        self, server_store: ServerStore, tenant: str, clickhouse: RunningServer, table: str
    ) -> None:
        clickhouse.fault(Fault("reset before", match=into(table)))
        write(server_store, tenant, 1, 2)
        assert wrong(server_store, tenant, 2) == []

    def test_a_claim_is_one_claim(self, server_store: ServerStore, tenant: str, clickhouse: RunningServer) -> None:
        clickhouse.fault(Fault("reset after", match=into("checkpoints")))
        server_store.recover(tenant)
        assert server_store.query("SELECT count() FROM {checkpoints} WHERE tenant = {t:String}", {"t": tenant}) == [
            (1,)
        ]

    @pytest.mark.parametrize("table", ["history", "postings"])
    def test_without_tokens_it_would_stand_twice_and_be_seen_and_healed(
        self,
        server_store: ServerStore,
        tenant: str,
        clickhouse: RunningServer,
        table: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        server_store._command("SYSTEM STOP MERGES", {})
        with monkeypatch.context() as patch:
            without_tokens(patch)
            clickhouse.fault(Fault("reset after", match=into(table)))
            write(server_store, tenant, 1)
        assert wrong(server_store, tenant, 1) != []
        server_store._command("SYSTEM START MERGES", {})

        server_store.recover(tenant)

        assert wrong(server_store, tenant, 1) == []


class TestErrors:
    """What is not known to be done is begun again."""

    @pytest.mark.parametrize("table", POINTS)
    def test_after_an_error_nothing_is_written_before_a_new_beginning(
        self, server_store: ServerStore, tenant: str, clickhouse: RunningServer, table: str
    ) -> None:
        write(server_store, tenant, 1)
        clickhouse.fault(Fault("503", match=into(table)))
        with pytest.raises(StoreError, match=SENTENCE):
            write(server_store, tenant, 2)
        with pytest.raises(Fenced, match=r"^the last write of the ledger of [^\n]+ begin again from its checkpoint$"):
            write(server_store, tenant, 2)

        server_store.recover(tenant)
        write(server_store, tenant, 2)

        assert wrong(server_store, tenant, 2) == []

    @pytest.mark.parametrize("table", POINTS)
    def test_an_insert_that_is_still_running_when_time_is_up_does_not_land_later(
        self, tenant: str, clickhouse: RunningServer, table: str
    ) -> None:
        assert late(clickhouse, tenant, table) == []

    def test_one_that_would_land_is_seen(
        self, tenant: str, clickhouse: RunningServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ServerStore, "_stop_others", lambda *_: None)
        # On a busy machine it may land before the other writes, and then nothing is wrong.
        assert any(late(clickhouse, f"{tenant}-{attempt}", "postings") for attempt in range(5))

    def test_a_slow_answer_is_waited_for(
        self, server_store: ServerStore, tenant: str, clickhouse: RunningServer
    ) -> None:
        clickhouse.fault(Fault("wait within", match=into("postings"), seconds=0.5))
        write(server_store, tenant, 1)
        assert wrong(server_store, tenant, 1) == []

    def test_a_question_that_cannot_be_asked_is_a_sentence(
        self, server_store: ServerStore, clickhouse: RunningServer
    ) -> None:
        clickhouse.fault(Fault("503", match="SELECT 1", times=9))
        with pytest.raises(StoreError, match=r"^the store could not answer: [^\n]+; try again[^\n]+$"):
            server_store.query("SELECT 1", {})


def late(clickhouse: RunningServer, tenant: str, table: str) -> list[str]:
    """What is wrong after an INSERT outlived its client's patience, and the client wrote again."""
    store = open_server(clickhouse.url, timeout_s=1)
    write(store, tenant, 1)
    clickhouse.fault(Fault("wait within", match=into(table), seconds=2.5))
    with pytest.raises(StoreError, match=SENTENCE):
        write(store, tenant, 2)
    patient = open_server(clickhouse.url)
    patient.recover(tenant)
    write(patient, tenant, 2)
    busy = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'"
    while patient.query(busy, {}) != [(0,)]:
        pass
    found = wrong(patient, tenant, 2)
    store.close()
    patient.close()
    return found


class TestKilled:
    """kill -9 of the server."""

    @pytest.fixture
    def own(self, tmp_path: Path) -> Iterator[RunningServer]:
        """A server that may be killed."""
        with RunningServer(tmp_path / "clickhouse") as server:
            yield server

    @pytest.mark.slow
    @pytest.mark.parametrize("when", ["wait before", "wait after"])
    @pytest.mark.parametrize("table", POINTS)
    def test_it_goes_on_where_it_was(self, own: RunningServer, tenant: str, table: str, when: str) -> None:
        store = open_server(own.url)
        write(store, tenant, 1)
        own.fault(Fault("wait before" if when == "wait before" else "wait after", match=into(table), seconds=5))
        raised: list[StoreError] = []
        writer = Thread(target=attempt, args=(store, tenant, raised))
        writer.start()
        while len(own.told(f"INSERT INTO {table} ")) < 2 + (table == "checkpoints"):
            pass
        own.kill()
        writer.join()
        assert len(raised) == 1
        assert "\n" not in str(raised[0])
        with pytest.raises(StoreError, match=r"^the store could not [^\n]+$"):
            store.recover(tenant)

        own.start()
        store.recover(tenant)
        if not ledger(store, tenant, "1")[2:]:
            write(store, tenant, 2)

        assert wrong(store, tenant, 2) == []
        store.close()

    @pytest.mark.slow
    def test_at_any_moment(self, own: RunningServer, tenant: str) -> None:
        store, chance, last, kills = open_server(own.url), Random(7), 0, 0
        while kills < 8 or not last:  # a machine that is very busy writes nothing in eight short lives
            kills += 1
            assert kills < 40
            killer = Timer(chance.uniform(0.02, 1.0), own.kill)
            killer.start()
            with pytest.raises(StoreError, match=r"^[^\n]+$"):
                write_on(store, tenant)
            killer.join()
            own.start()
            seen = store.checkpoint(tenant).position
            assert seen >= last, "what was seen never goes back"
            last = seen
        store.recover(tenant)
        assert wrong(store, tenant, store.checkpoint(tenant).position) == []
        store.close()


def write_on(store: ServerStore, tenant: str) -> None:
    """Begin, and write event after event."""
    while True:
        store.recover(tenant)
        last = store.checkpoint(tenant).position
        for position in range(last + 1, last + 4):
            write(store, tenant, position)


def attempt(store: ServerStore, tenant: str, raised: list[StoreError]) -> None:
    """Write event 2, and keep the error."""
    try:
        write(store, tenant, 2)
    except StoreError as error:
        raised.append(error)


class TestOpening:
    """What cannot be opened is refused in a sentence, which holds no password."""

    @pytest.mark.parametrize(
        "url",
        [
            "clickhouse://host",
            "clickhouse://host/a.b",
            "clickhouse:///db",
            "http://a:geheim@host/db",
            "clickhouse://h:x/db",
        ],
    )
    def test_a_setting_that_names_no_server(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"^[^\n]+ names no ClickHouse server; allowed: [^\n]+$") as refused:
            open_server(url)
        assert "geheim" not in str(refused.value)

    def test_a_server_that_is_not_there(self) -> None:
        with pytest.raises(StoreError) as refused:
            open_server("clickhouse://me:geheim@127.0.0.1:9/salestream")
        assert str(refused.value) == (
            "the ClickHouse server at 127.0.0.1:9 cannot be used (Connection refused); is it running?"
        )

    def test_nothing_of_a_question_is_logged(
        self, server_store: ServerStore, clickhouse: RunningServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        server_store._client.close_connections()
        dos: tuple[Literal["reset before", "503"], ...] = ("reset before", "503")
        for do in dos:
            clickhouse.fault(Fault(do, match="text", times=4))
            with pytest.raises(StoreError) as refused:
                server_store.query("SELECT {text:String}", {"text": "geheim"})
            assert "geheim" not in str(refused.value)
            clickhouse.fault(Fault(do, times=0))
        assert caplog.text == ""

    def test_a_password(self, tmp_path: Path) -> None:
        with RunningServer(tmp_path, user="sales", password="ge:h@im") as server:
            url = server.url.replace("//", "//sales@")
            open_server(url, "ge:h@im").close()
            open_server(server.url.replace("//", "//sales:ge%3Ah%40im@")).close()
            with pytest.raises(StoreError, match=r"^the ClickHouse server at [^\n]+Authentication failed[^\n]+$"):
                open_server(url, "wrong")

    def test_a_database_that_cannot_exchange_tables(self, clickhouse: RunningServer) -> None:
        with pytest.raises(
            StoreError, match=r"^the database default has the engine Overlay, [^\n]+ name an Atomic one$"
        ):
            open_server(clickhouse.url.replace("/salestream", "/default"))
