"""Backups: whole while the journal grows, proved by their digests, and put back into an empty folder only."""

import json
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copy
from threading import Event, Thread

import pytest
from pydantic import SecretStr

from services.backup import BadBackup, Piece, backup, checked, differing, restore
from services.journal.sqlite import SqliteJournal
from services.keys.sqlite import SqliteKeys
from services.replay.digest import digest
from services.sealing.port import SealingError
from services.sealing.subjects import erase
from services.settings import Settings
from services.workspace import Workspace, WorkspaceError
from tests.services.cli.conftest import process
from tests.services.processor.stories import story
from tests.services.replay.test_rebuild_and_verify import tell
from tests.services.sealing.conftest import NOW, lead


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A folder with ten events and a file of keys."""
    settings = Settings(data=tmp_path / "data", store_password=SecretStr("hidden"), timezone="Asia/Shanghai")
    with Workspace(settings) as workspace, SqliteKeys(settings.keys_path):
        tell(workspace, "default", story(10))
        workspace.post_all()
    return settings


def test_it_comes_back_as_it_was(settings: Settings, tmp_path: Path) -> None:
    with Workspace(settings) as workspace:
        before = digest(workspace, "default")
    file, made = backup(settings, tmp_path / "b.tar.gz")
    assert made.heads == {"default": 10}
    assert set(made.files) >= {"journal.sqlite", "keys.sqlite", "settings.json"}
    assert "master.key" not in made.files
    assert checked(file) == made

    other = Settings(data=tmp_path / "other")
    other.data.mkdir()
    copy(settings.master_key_path, other.master_key_path)  # it is kept elsewhere
    _, then = restore(other, file)
    with Workspace(other) as workspace:
        assert workspace.post_all() == 10
        assert digest(workspace, "default") == before
    assert other.keys_path.exists()
    assert differing(other, then) == {"timezone": {"then": "Asia/Shanghai", "now": "UTC"}}


def test_no_secret_is_in_it_and_nobody_else_may_read_it(settings: Settings, tmp_path: Path) -> None:
    told = settings.model_copy(update={"store": "clickhouse://me:word@host:8123/books"})
    told.model_fields_set.add("store")
    file, _ = backup(told, tmp_path / "b.tar")
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        kept = tar.extractfile("settings.json")
        assert kept is not None
        assert json.loads(kept.read())["store"] == "clickhouse://host:8123/books"
    assert b"hidden" not in file.read_bytes()
    assert b"word@" not in file.read_bytes()


def test_a_directory_gets_files_with_dated_names_and_nothing_else(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    file, _ = backup(settings, folder)
    assert list(folder.iterdir()) == [file]
    assert file.name.startswith("salestream-")


def test_it_is_of_one_moment_while_events_arrive(settings: Settings, tmp_path: Path) -> None:
    done = Event()
    with Workspace(settings) as workspace:

        def arrive() -> None:
            for number, event in enumerate(story(3000)[10:]):
                if done.is_set() and number > 50:
                    break
                tell(workspace, "default", [event])

        arriving = Thread(target=arrive)
        arriving.start()
        try:
            file, made = backup(settings, tmp_path / "b.tar", lambda count: None)
        finally:
            done.set()
            arriving.join()
        assert made.heads["default"] < workspace.journal.head("default").position
    restore(Settings(data=tmp_path / "other"), file)
    with SqliteJournal(tmp_path / "other" / "journal.sqlite") as journal:
        assert len(journal.read("default", 0, 10_000)) == made.heads["default"] == journal.tally("default").accepted


@pytest.mark.parametrize("name", ["journal.sqlite", "keys.sqlite", "settings.json"])
def test_a_changed_byte_is_found_and_nothing_is_put_in_place(settings: Settings, tmp_path: Path, name: str) -> None:
    file, _ = backup(settings, tmp_path / "b.tar")
    with tarfile.open(file) as tar:
        at = tar.getmember(name).offset_data
    raw = bytearray(file.read_bytes())
    raw[at + 40] ^= 1
    file.write_bytes(raw)
    other = Settings(data=tmp_path / "other")
    with pytest.raises(BadBackup, match=f"{name} in .* is not as it was written"):
        restore(other, file)
    assert {path.name for path in other.data.iterdir()} == {"lock"}


def test_what_is_no_backup_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no")
    with pytest.raises(BadBackup, match=r"cannot be read as a backup \([^:-]*\); name another$"):
        checked(tmp_path / "x.tar")
    with tarfile.open(tmp_path / "y.tar", "w") as tar:
        tar.add(settings.keys_path, "../keys.sqlite")
    with pytest.raises(BadBackup, match="holds more than a backup"):
        checked(tmp_path / "y.tar")


def test_a_folder_in_which_something_is_stays_as_it_is(settings: Settings, tmp_path: Path) -> None:
    file, _ = backup(settings, tmp_path / "b.tar")
    with pytest.raises(WorkspaceError, match="exists already; choose an empty folder"):
        restore(settings, file)
    with pytest.raises(WorkspaceError, match="exists already; name another file"):
        backup(settings, file)
    with pytest.raises(WorkspaceError, match="nothing to back up"):
        backup(Settings(data=tmp_path / "empty"), tmp_path / "c.tar")


def test_another_database_is_one_more_piece(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(settings.data / "more.sqlite") as db:
        db.execute("CREATE TABLE kept (x)")
    from services import backup as module

    monkeypatch.setattr(
        module, "PIECES", (*module.PIECES, Piece("more.sqlite", lambda told: told.data / "more.sqlite"))
    )
    file, _ = backup(settings, tmp_path / "b.tar")
    restore(Settings(data=tmp_path / "other"), file)
    assert (tmp_path / "other" / "more.sqlite").exists()


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path: Path) -> Iterator[None]:
    """Whatever came of it, no half of anything lies about."""
    yield
    assert not list(tmp_path.rglob(".salestream-*")), "a backup that was not finished"
    assert not list(tmp_path.rglob(".restore-*")), "a restoration that was not finished"


class TestWhoWasErasedSince:
    """A backup from before an erasure holds the key; it is destroyed again before anything is served."""

    @pytest.fixture
    def told(self, tmp_path: Path) -> Settings:
        """A folder in which somebody is known by name, and its backup."""
        settings = Settings(data=tmp_path / "data")
        with Workspace(settings) as workspace:
            workspace.journal.append([lead()], now_ms=NOW)
        backup(settings, tmp_path / "b.tar")
        return settings

    @staticmethod
    def known(settings: Settings) -> str:
        with Workspace(settings) as workspace:
            (entry,) = workspace.journal.entries("default", [1])
            return workspace.journal.personal(entry)

    @pytest.mark.parametrize("form", ["register", "printed"])
    def test_a_list_is_told(self, form: str, told: Settings, tmp_path: Path) -> None:
        with process("--data", told.data, "erase", "--yes", "lead:L-1") as erasing:
            assert erasing.communicate(timeout=60)[1] == ""
        printed = tmp_path / "printed"
        with process("--data", told.data, "subject", "erased", "--json") as erased:
            printed.write_text(erased.communicate(timeout=60)[0])
        other = Settings(data=tmp_path / "other")
        other.data.mkdir()
        copy(told.master_key_path, other.master_key_path)

        list_ = printed if form == "printed" else told.erasures_path
        with process("--data", other.data, "restore", tmp_path / "b.tar", "--erasures", list_) as restored:
            out, err = restored.communicate(timeout=60)

        assert (restored.returncode, err) == (0, "")
        assert "1 persons who were erased since are forgotten again" in out
        assert self.known(other) == "erased"

    def test_without_any_it_is_as_it_was(self, told: Settings, tmp_path: Path) -> None:
        other = Settings(data=tmp_path / "other")
        other.data.mkdir()
        copy(told.master_key_path, other.master_key_path)
        restore(other, tmp_path / "b.tar")
        assert self.known(other) == "open"

    def test_a_register_elsewhere_is_read(self, tmp_path: Path) -> None:
        register = tmp_path / "elsewhere" / "erasures.jsonl"
        settings = Settings(data=tmp_path / "data", erasures=register)
        with Workspace(settings) as workspace:
            workspace.journal.append([lead()], now_ms=NOW)
        backup(settings, tmp_path / "b.tar")
        with Workspace(settings) as workspace:
            erase(workspace.journal, "default", "lead:L-1", now_ms=NOW)
        other = Settings(data=tmp_path / "other", erasures=register)
        other.data.mkdir()
        copy(settings.master_key_path, other.master_key_path)

        restore(other, tmp_path / "b.tar")

        assert self.known(other) == "erased"

    def test_keys_that_live_elsewhere_stay_and_know(self, tmp_path: Path) -> None:
        keys = f"sqlite://{tmp_path}/elsewhere/subjects.sqlite"
        settings = Settings(data=tmp_path / "data", subject_keys=keys)
        with Workspace(settings) as workspace:
            workspace.journal.append([lead(), lead("e-2", lead_id="L-2")], now_ms=NOW)
        backup(settings, tmp_path / "b.tar")
        with Workspace(settings) as workspace:
            erase(workspace.journal, "default", "lead:L-1", now_ms=NOW)
        other = Settings(data=tmp_path / "other", subject_keys=keys)

        restore(other, tmp_path / "b.tar")

        assert self.known(other) == "erased"
        with Workspace(other) as workspace:
            assert workspace.journal.personal(*workspace.journal.entries("default", [2])) == "open"

    def test_what_is_no_list_is_refused_before_anything_is_put_in_place(self, told: Settings, tmp_path: Path) -> None:
        (tmp_path / "list").write_text("nobody\n")
        other = Settings(data=tmp_path / "other")
        with pytest.raises(SealingError, match="is no register of erasures"):
            restore(other, tmp_path / "b.tar", erasures=tmp_path / "list")
        assert not other.journal_path.exists()
