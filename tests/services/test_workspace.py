"""A data folder, opened: one owner at a time, one poster for each tenant, and long stretches on all cores."""

from pathlib import Path

import pytest

from services import workspace as module
from services.journal.port import JournalError
from services.processor import parallel
from services.replay.digest import ledger_digest
from services.replay.verify import verify
from services.settings import Settings
from services.store.port import StoreError
from services.workspace import Workspace, WorkspaceError
from tests.services.processor.stories import story
from tests.services.replay.test_rebuild_and_verify import tell


def opened(folder: Path, **settings: str) -> Workspace:
    return Workspace(Settings(data=folder, **settings))  # type: ignore[arg-type]


class TestOwned:
    """One process owns a folder."""

    def test_it_is_made_where_it_is_missing(self, tmp_path: Path) -> None:
        with opened(tmp_path / "a" / "b"):
            pass
        assert {path.name for path in (tmp_path / "a" / "b").iterdir()} >= {"journal.sqlite", "store", "lock"}

    def test_a_second_opening_is_refused_and_after_the_first_is_closed_it_is_not(self, tmp_path: Path) -> None:
        with opened(tmp_path), pytest.raises(WorkspaceError, match=r"is in use by process \d+; wait for it, or choose"):
            opened(tmp_path)
        with opened(tmp_path):
            pass

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", "utf-8")
        with pytest.raises(
            WorkspaceError, match=r"^the data folder .*/file/data cannot be used: Not a directory; choose"
        ):
            opened(tmp_path / "file" / "data")

    def test_what_is_refused_half_way_lets_go_of_all(self, tmp_path: Path) -> None:
        (tmp_path / "journal.sqlite").write_text("no journal at all, but long enough to look like one" * 9, "utf-8")
        with pytest.raises(JournalError):
            opened(tmp_path)
        (tmp_path / "journal.sqlite").unlink()
        (tmp_path / "store").write_text("no folder", "utf-8")
        with pytest.raises(StoreError):
            opened(tmp_path)
        (tmp_path / "store").unlink()
        with opened(tmp_path):
            pass

    def test_journal_and_store_may_lie_elsewhere(self, tmp_path: Path) -> None:
        urls = {"journal": f"sqlite:///{tmp_path}/j/../one.sqlite", "store": f"chdb:///{tmp_path}/two"}
        (tmp_path / "j").mkdir()
        with opened(tmp_path / "data", **urls):
            pass
        assert (tmp_path / "one.sqlite").exists()
        assert (tmp_path / "two").is_dir()


class TestPosting:
    """Journal to ledger, for every tenant."""

    def test_each_tenant_has_one_poster(self, tmp_path: Path) -> None:
        with opened(tmp_path) as workspace:
            tell(workspace, "one", story(10))
            tell(workspace, "two", story(20))
            assert workspace.post_all() == 30
            assert workspace.post_all() == 0
            assert workspace.poster("one") is workspace.poster("one")
            workspace.forget_posters()
            tell(workspace, "one", story(20)[10:])
            assert workspace.post_all() == 10

    def test_a_long_stretch_is_posted_on_all_cores_to_the_same_ledger(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with opened(tmp_path / "serial") as workspace:
            tell(workspace, "one", story(120))
            workspace.post_all()
            expected = ledger_digest(workspace.store, "one", 120)

        monkeypatch.setattr(module, "LONG", 50)
        monkeypatch.setattr("os.cpu_count", lambda: 2)
        monkeypatch.setattr(parallel, "RANGE", 30)
        with opened(tmp_path / "parallel") as workspace:
            tell(workspace, "one", story(120)[:60])
            assert workspace.post_all() == 60
            assert workspace.poster("one").position == 60
            tell(workspace, "one", story(120)[60:])
            assert workspace.post_all() == 60
            assert ledger_digest(workspace.store, "one", 120) == expected
            assert verify(workspace)["ok"]

    def test_a_poster_beside_follows_what_is_told(self, tmp_path: Path) -> None:
        with opened(tmp_path) as workspace:
            with workspace.posting_along("one") as along:
                tell(workspace, "one", story(40))
                along.feed()
                assert along.finish() == 40
            assert workspace.post_all() == 0
            assert verify(workspace)["ok"]

    def test_a_ledger_ahead_of_its_journal_is_refused(self, tmp_path: Path) -> None:
        with opened(tmp_path) as workspace:
            tell(workspace, "one", story(10))
            workspace.post_all()
        (tmp_path / "journal.sqlite").unlink()
        with opened(tmp_path) as workspace:
            tell(workspace, "one", story(3))
            with pytest.raises(WorkspaceError, match=r"^the ledger of one is ahead of its journal by 7 events, so "):
                workspace.post_all()

    def test_books_are_those_of_the_tenant_of_the_settings(self, tmp_path: Path) -> None:
        with opened(tmp_path, tenant="one") as workspace:
            assert workspace.books().tenant == "one"
            assert workspace.books("two").tenant == "two"
