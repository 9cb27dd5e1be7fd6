"""Killed, full, damaged, locked: what has been acknowledged stays, and the rest is refused in a sentence."""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from time import sleep

import pytest

from events.envelope import Told
from services.journal.port import JournalError, Tally
from services.journal.sqlite import APPLICATION_ID, FORMAT, SqliteJournal
from tests.services.journal.telling import NOW_MS, everything, ids, invalid, told

ROOT = Path(__file__).parents[3]
NOBODY = 65534


def integrity(path: Path) -> str:
    """What SQLite says about the file."""
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])


@contextmanager
def without_rights() -> Iterator[None]:
    """As somebody whom file permissions stop, if root runs the tests."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


class TestKilled:
    """kill -9 at random moments, again and again on one file."""

    KILLS = 16

    def test_what_was_acknowledged_is_there_exactly_once(self, path: Path) -> None:
        chance = random.Random(16)
        acknowledged: dict[str, int] = {}
        for _ in range(self.KILLS):
            # Each process tells again some of what the last one did, acknowledged or not.
            lines = self.run_and_kill(path, max(0, len(acknowledged) - 40), chance.uniform(0, 0.12))
            for position, id_ in map(str.split, lines):
                assert acknowledged.setdefault(id_, int(position)) == int(position)

        assert len(acknowledged) > self.KILLS
        assert integrity(path) == "ok"
        with SqliteJournal(path) as journal:
            entries = everything(journal, page=1000)
            tally = journal.tally("default")
        positions = {entry.id: entry.position for entry in entries}
        assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
        assert len(positions) == len(entries)
        assert acknowledged.items() <= positions.items()
        assert tally.told == tally.accepted + tally.duplicates
        assert tally.accepted == len(entries)

    @staticmethod
    def run_and_kill(path: Path, start: int, after_s: float) -> list[str]:
        """The lines that an appender got out before it was killed."""
        command = [sys.executable, "-m", "tests.services.journal.appender", str(path), str(start)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            sleep(after_s)
            process.kill()
            rest = process.stdout.read()
        return [line for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]


class TestFull:
    """The disk has no room left."""

    @pytest.mark.parametrize("pages", [16, 17, 19, 24, 33, 60])
    def test_nothing_is_half_applied_wherever_it_fills(self, path: Path, pages: int) -> None:
        with SqliteJournal(path) as journal:
            taken = self.fill(journal, pages)

            assert ids(journal) == [f"{n}-{i}" for n in range(taken) for i in range(10)]
            assert journal.tally("default") == Tally(taken * 11, taken * 10, 0, taken)
            assert len(journal.letters("default")) == taken
            self.limit(journal, 1 << 30)
            journal.append(self.batch(taken), [invalid()], now_ms=NOW_MS)
            assert journal.head("default").position == taken * 10 + 10
        assert integrity(path) == "ok"

    def test_a_file_that_may_not_grow_says_so(self, path: Path) -> None:
        script = (
            "import resource\n"
            "from pathlib import Path\n"
            "from services.journal.sqlite import SqliteJournal\n"
            "from tests.services.journal.telling import NOW_MS, told\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
            f"with SqliteJournal(Path({str(path)!r})) as journal:\n"
            "    for n in range(10_000):\n"
            "        journal.append([told(f'{n}-{i}') for i in range(50)], now_ms=NOW_MS)\n"
        )
        run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

        assert f"JournalError: the journal {path} cannot be read or written, for the disk" in run.stderr
        assert integrity(path) == "ok"
        with SqliteJournal(path) as journal:
            found = ids(journal)
            assert found
            assert len(found) % 50 == 0
            assert journal.tally("default") == Tally(len(found), len(found), 0, 0)

    def fill(self, journal: SqliteJournal, pages: int) -> int:
        """Appends until there is no room; how many batches were taken."""
        self.limit(journal, pages)
        taken: list[int] = []
        with pytest.raises(JournalError, match="cannot grow, for the disk is full; free some space and try again"):
            self.append_for_ever(journal, taken)
        return len(taken)

    def append_for_ever(self, journal: SqliteJournal, taken: list[int]) -> None:
        for n in range(10_000):
            journal.append(self.batch(n), [invalid()], now_ms=NOW_MS)
            taken.append(n)

    @staticmethod
    def batch(n: int) -> list[Told]:
        return [told(f"{n}-{i}") for i in range(10)]

    @staticmethod
    def limit(journal: SqliteJournal, pages: int) -> None:
        assert journal._writer is not None
        journal._writer.execute(f"PRAGMA max_page_count = {pages}")


class TestNoJournal:
    """The file is something else, or not as it was."""

    def refusal(self, path: Path) -> str:
        before = path.read_bytes()
        with pytest.raises(JournalError) as caught:
            SqliteJournal(path)
        assert path.read_bytes() == before, "what is not ours is left alone"
        assert not list(path.parent.glob("*-wal"))
        return str(caught.value)

    def test_a_text_file(self, path: Path) -> None:
        path.write_text("Dear diary,\n" * 500, "utf-8")

        assert f"the journal {path} is not a Salestream journal, or its first page is damaged; name" in self.refusal(
            path
        )

    def test_another_programs_database(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE entries (place)")
            db.commit()

        assert self.refusal(path) == f"the file {path} is not a Salestream journal; name another file"

    def test_a_newer_format(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {FORMAT + 1}")

        assert "was written by a newer Salestream (format 2; this one knows 1); install that version" in self.refusal(
            path
        )

    def test_a_damaged_first_page(self, path: Path) -> None:
        self.full(path)
        self.scratch(path, 0)

        assert "or its first page is damaged; name another file, or restore this one from a backup" in self.refusal(
            path
        )

    def test_damaged_pages_are_reported_when_they_are_met(self, path: Path) -> None:
        self.full(path)
        for page in range(2, path.stat().st_size // 8192):
            self.scratch(path, page)

        with SqliteJournal(path) as journal:
            for use in (
                lambda: everything(journal),
                lambda: journal.append([told("new")], now_ms=NOW_MS),
            ):
                with pytest.raises(JournalError, match=r"is damaged; restore it from a backup, or save what is left"):
                    use()

    def test_a_file_cut_short(self, path: Path) -> None:
        self.full(path)
        os.truncate(path, 5 * 8192)

        with pytest.raises(JournalError, match="is damaged; restore it"), SqliteJournal(path) as journal:
            everything(journal)

    def test_an_empty_file_becomes_a_journal(self, path: Path) -> None:
        path.touch()

        with SqliteJournal(path) as journal:
            assert journal.tenants() == []

    @staticmethod
    def full(path: Path) -> None:
        with SqliteJournal(path) as journal:
            journal.append([told(str(n)) for n in range(500)], now_ms=NOW_MS)

    @staticmethod
    def scratch(path: Path, page: int) -> None:
        with path.open("r+b") as file:
            file.seek(page * 8192)
            file.write(b"\xa5" * 8192)


class TestNoEntry:
    """The file may not be opened or written."""

    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        """A folder that everybody may look into and nobody but its owner may write."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            yield folder
            folder.chmod(0o755)

    def test_a_folder_that_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(JournalError, match=r"cannot be opened; make sure that its directory exists"):
            SqliteJournal(tmp_path / "missing" / "journal.db")

    def test_a_folder_in_place_of_the_file(self, tmp_path: Path) -> None:
        with pytest.raises(JournalError, match="cannot be opened"):
            SqliteJournal(tmp_path)

    def test_a_folder_that_may_not_be_written(self, folder: Path) -> None:
        folder.chmod(0o555)

        with without_rights(), pytest.raises(JournalError, match="cannot be opened; make sure that its directory"):
            SqliteJournal(folder / "journal.db")

    def test_a_file_that_may_not_be_written(self, folder: Path) -> None:
        with SqliteJournal(folder / "journal.db") as journal:
            journal.append([told("1")], now_ms=NOW_MS)
        (folder / "journal.db").chmod(0o444)
        folder.chmod(0o555)

        with without_rights(), pytest.raises(JournalError, match=r"may be written by you|may not be written; give"):
            SqliteJournal(folder / "journal.db")


class TestTwoProcesses:
    """One writes, the other must not disturb it."""

    def test_while_another_writes_a_writer_gives_up_in_a_sentence(self, path: Path) -> None:
        with SqliteJournal(path, patience_s=0.05) as journal, closing(sqlite3.connect(path)) as other:
            journal.append([told("1")], now_ms=NOW_MS)
            other.execute("BEGIN IMMEDIATE")

            with pytest.raises(JournalError, match="is being written by another process; wait for it or stop it"):
                journal.append([told("2")], [invalid()], now_ms=NOW_MS)
            with pytest.raises(JournalError, match="is being written by another process"):
                SqliteJournal(path, patience_s=0.05)
            assert ids(journal) == ["1"]
            other.rollback()

            journal.append([told("2")], now_ms=NOW_MS)
            assert journal.tally("default") == Tally(2, 2, 0, 0)

    def test_a_writer_waits_for_its_turn(self, path: Path) -> None:
        with SqliteJournal(path) as journal, closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            appending = Thread(target=lambda: journal.append([told("1")], now_ms=NOW_MS))
            appending.start()
            sleep(0.05)
            assert ids(journal) == []
            other.rollback()
            appending.join()

            assert ids(journal) == ["1"]

    def test_two_may_make_the_same_journal(self, path: Path) -> None:
        def tell(n: int) -> None:
            with SqliteJournal(path) as journal:
                journal.append([told(str(n))], now_ms=NOW_MS)

        threads = [Thread(target=tell, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with SqliteJournal(path) as journal:
            assert sorted(ids(journal)) == [str(n) for n in range(8)]

    def test_a_reader_sees_what_the_writer_appends(self, path: Path) -> None:
        with SqliteJournal(path) as journal, SqliteJournal(path, read_only=True) as reader:
            journal.append([told("1")], now_ms=NOW_MS)
            assert ids(reader) == ["1"]
            journal.append([told("2")], now_ms=NOW_MS)
            assert ids(reader) == ["1", "2"]
            with pytest.raises(AssertionError, match="opened to be read only"):
                reader.append([told("3")], now_ms=NOW_MS)

    def test_a_reader_makes_no_journal(self, path: Path) -> None:
        with pytest.raises(JournalError, match=r"there is no journal at .*; the first event that is told makes one"):
            SqliteJournal(path, read_only=True)
        assert not path.exists()
        path.touch()
        with pytest.raises(JournalError, match="is not a Salestream journal"):
            SqliteJournal(path, read_only=True)


def test_what_is_pruned_is_gone_from_the_disk(path: Path) -> None:
    secret = b"li.na@example.com"
    with SqliteJournal(path) as journal:
        journal.keep("default", "hubspot", 100, secret * 3000, {})
        assert any(secret in file.read_bytes() for file in path.parent.iterdir())

        journal.prune(NOW_MS)

        assert not any(secret in file.read_bytes() for file in path.parent.iterdir())
