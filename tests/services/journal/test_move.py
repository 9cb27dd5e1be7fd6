"""A journal is carried over and back, and stays the same."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from services.journal.kafka import KafkaJournal
from services.journal.move import move
from services.journal.port import JournalError, Letter
from services.journal.sqlite import SqliteJournal
from services.kafka.topics import Names
from services.replay.digest import journal_digest
from services.sealing.open import open_vault
from services.sealing.vault import Vault
from services.settings import Settings
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, make
from tests.services.journal.telling import NOW_MS, everything, invalid, told

FOLDER: list[Path] = []
OPENED: list[Vault] = []


def fresh(kafka: Kafka) -> Names:
    """Topics as `salestream setup` makes them."""
    return make(kafka, f"move-{uuid.uuid4().hex[:8]}")


def source(path: Path, events: int = 450) -> SqliteJournal:
    """A journal with two tenants, recorded over a while, with a conflict and letters closed and open."""
    journal = SqliteJournal(path)
    for n in range(events):
        journal.append([told(f"{n}", tenant="acme" if n % 3 else "globex")], now_ms=NOW_MS + n // 7)
    journal.append(
        [told("1", "timing", tenant="acme")], [invalid(tenant="acme"), invalid(b"\xff")], now_ms=NOW_MS + 900
    )
    journal.close_letter("acme", 2, "discarded")
    return journal


@pytest.fixture(autouse=True)
def keys(tmp_path: Path) -> Iterator[None]:
    """What an older version kept in clear is sealed on its way, with keys that are opened when they are needed."""
    OPENED.clear()
    FOLDER.append(tmp_path / "keys")
    yield
    FOLDER.clear()
    for opened in OPENED:
        opened.close()


def vault() -> Vault:
    """The keys of the test."""
    if not OPENED:
        OPENED.append(open_vault(Settings(data=FOLDER[0])))
    return OPENED[0]


def carry(here: SqliteJournal, there: SqliteJournal) -> list[int]:
    """Move, and say how much was moved of each tenant."""
    result = move(here, there, now_ms=NOW_MS + 5000, progress=lambda done: None, vault=vault)
    assert all(each["same"] for each in result["tenants"])
    return [each["moved"] for each in result["tenants"]]


def letters(journal: SqliteJournal, tenant: str) -> list[Letter]:
    """The dead letters with their bodies as they came."""
    found = journal.letters(tenant, open_only=False)
    return [msgspec.structs.replace(each, body=vault().open_body(tenant, each.body)) for each in found]


def same(here: SqliteJournal, there: SqliteJournal) -> None:
    """Both hold the same events, places, recorded times and letters."""
    assert here.tenants() == there.tenants()
    for tenant in here.tenants():
        assert everything(here, tenant) == everything(there, tenant)
        assert letters(here, tenant) == letters(there, tenant)
        head = here.head(tenant).position
        assert journal_digest(here, tenant, head) == journal_digest(there, tenant, head)


def test_to_kafka_and_back(kafka: Kafka, tmp_path: Path) -> None:
    names = fresh(kafka)
    with source(tmp_path / "here.sqlite") as here:
        with KafkaJournal(tmp_path / "mirror", cluster(kafka), names) as there:
            assert carry(here, there) == [300, 0, 150]
            same(here, there)
            assert carry(here, there) == [0, 0, 0]

        with (
            KafkaJournal(tmp_path / "another mirror", cluster(kafka), names) as there,
            SqliteJournal(tmp_path / "back.sqlite") as back,
        ):
            same(here, there)
            assert carry(there, back) == [300, 0, 150]
            same(here, back)


def test_an_interrupted_move_goes_on(kafka: Kafka, tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(done: int) -> None:
        raise Interrupted

    names = fresh(kafka)
    with source(tmp_path / "here.sqlite") as here:
        with KafkaJournal(tmp_path / "mirror", cluster(kafka), names) as there, pytest.raises(Interrupted):
            move(here, there, now_ms=NOW_MS, progress=interrupt, vault=vault)
        with KafkaJournal(tmp_path / "mirror", cluster(kafka), names) as there:
            assert there.head("acme").position == 200
            assert carry(here, there) == [100, 0, 150]
            same(here, there)


def test_another_journal_is_not_written_over(tmp_path: Path) -> None:
    with source(tmp_path / "here.sqlite", 10) as here, SqliteJournal(tmp_path / "there.sqlite") as there:
        there.append([told("0", "timing", tenant="globex")], now_ms=NOW_MS)

        with pytest.raises(JournalError, match="1 events of globex that are not the beginning"):
            carry(here, there)

        assert there.tenants() == ["globex"]


def test_tenants_of_others_stay_alone(tmp_path: Path) -> None:
    with source(tmp_path / "here.sqlite", 10) as here, SqliteJournal(tmp_path / "there.sqlite") as there:
        there.append([told("0", tenant="initech")], now_ms=NOW_MS)

        with pytest.raises(JournalError, match="tenants that the source does not: initech"):
            carry(here, there)


def test_other_dead_letters_are_not_mixed(tmp_path: Path) -> None:
    with source(tmp_path / "here.sqlite", 10) as here, SqliteJournal(tmp_path / "there.sqlite") as there:
        there.append([], [invalid(b"other", tenant="acme")], now_ms=NOW_MS)

        with pytest.raises(JournalError, match="other dead letters of acme"):
            carry(here, there)
