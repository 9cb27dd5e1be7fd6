"""A store that cannot be used says so in one sentence, and what to do; it never answers from what is left."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services.settings import Settings
from services.store.clickhouse import open_chdb
from services.store.port import StoreError
from services.store.sets import LEDGER
from services.workspace import Workspace, WorkspaceError
from tests.services.store.contract import ledger
from tests.services.store.telling import applied, line

ROOT = Path(__file__).parents[3]

HOLDER = """
import sys
from pathlib import Path
from services.settings import Settings
from services.workspace import Workspace
with Workspace(Settings(data=Path(sys.argv[1]))):
    print("open", flush=True)
    sys.stdin.read()
"""
"""A process that has the folder until its standard input ends."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of three parts."""
    store = open_chdb(tmp_path / "store")
    store._command("SYSTEM STOP MERGES", {})
    for n in (1, 2, 3):
        store.write("default", [applied(n, tenant="default")], [line(n)])
    store.close()
    return tmp_path / "store"


def parts(folder: Path, name: str) -> list[Path]:
    """The files of this name in all parts."""
    return sorted(folder.glob(f"store/*/*/all_*/{name}"))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def scrambled(path: Path) -> None:
    path.write_bytes(bytes(range(97, 123)) * 40)


class TestDamaged:
    """Whatever is broken."""

    @pytest.mark.parametrize("name", ["data.bin", "columns.txt", "checksums.txt", "count.txt"])
    @pytest.mark.parametrize("damage", [emptied, scrambled])
    def test_parts_that_are_broken(self, folder: Path, name: str, damage: Callable[[Path], None]) -> None:
        for part in parts(folder, name):
            damage(part)
        self.says_so(folder)

    @pytest.mark.parametrize("table", LEDGER)
    def test_one_single_part_that_lost_its_data(self, folder: Path, table: str) -> None:
        store = open_chdb(folder)
        sql = "SELECT path FROM system.parts WHERE active AND table = {table:String}"
        (path,) = store.query(sql, {"table": table})[-1]
        store.close()

        emptied(Path(path) / "data.bin")

        self.says_so(folder)

    def test_definitions_of_tables_that_are_broken(self, folder: Path) -> None:
        for definition in folder.glob("store/*/*/*.sql"):
            scrambled(definition)
        self.says_so(folder)

    def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "store").write_text("x", "utf-8")
        self.says_so(tmp_path / "store")

    def test_tables_of_another_version(self, folder: Path) -> None:
        store = open_chdb(folder)
        store._command("ALTER TABLE schema_versions UPDATE digest = 'x' WHERE 1 SETTINGS mutations_sync = 2", {})
        store.close()
        with pytest.raises(StoreError, match=r"^the store was made by another version .* delete the store folder: .*$"):
            open_chdb(folder)

    def test_what_is_lost_altogether_is_made_anew(self, folder: Path) -> None:
        shutil.rmtree(folder / "store")
        store = open_chdb(folder)
        assert store.checkpoint("default").position == 0
        store.close()

    @staticmethod
    def says_so(folder: Path) -> None:
        """Opening or reading it ends in a sentence; never in a number."""
        with pytest.raises(StoreError, match=r"^the store [^\n]+$"):
            read(folder)


def read(folder: Path) -> int:
    """How many lines a store has."""
    store = open_chdb(folder)
    try:
        return len(ledger(store, "default"))
    finally:
        store.close()


def test_a_second_process_on_the_same_folder_is_told_who_has_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "open\n"

        with pytest.raises(WorkspaceError) as refused:
            Workspace(Settings(data=tmp_path))
        assert str(refused.value) == (
            f"the data folder {tmp_path} is in use by process {process.pid}; wait for it, or choose another with --data"
        )
        process.stdin.close()
        process.wait()

    with Workspace(Settings(data=tmp_path)) as workspace:
        assert workspace.store.tenants() == []


def test_a_second_folder_in_one_process_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with (
        Workspace(Settings(data=tmp_path / "a")),
        pytest.raises(
            StoreError, match=r"^the store at .*/b/store cannot be opened, for this process has that of another [^\n]+$"
        ),
    ):
        Workspace(Settings(data=tmp_path / "b"))
    with Workspace(Settings(data=tmp_path / "b")) as workspace:
        assert workspace.store.tenants() == [], "the refused one let go of journal, lock and all"
