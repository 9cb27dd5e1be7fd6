"""What a change of definitions would move: found before it is merged, over the whole history."""

import shutil
import subprocess
from pathlib import Path

import pytest

from services.replay.revisions import diff
from services.settings import Settings
from services.workspace import Workspace, WorkspaceError
from tests.services.replay.test_rebuild_and_verify import tell
from tests.services.replay.test_switching import wins

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with three revisions: as it is; average deal size redefined; wins in the west counted twice."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("events", "projections", "services"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "-q")
    commit(folder, "as-it-is")
    catalogue = folder / "projections" / "kpis" / "deals.py"
    text = catalogue.read_text("utf-8")
    assert "bookings / won" in text
    catalogue.write_text(text.replace("bookings / won", "(bookings + bookings) / won"), "utf-8")
    commit(folder, "redefined")
    catalogue.write_text(text, "utf-8")
    book = folder / "projections" / "books" / "deal.py"
    book.write_text(book.read_text("utf-8") + _BUG, "utf-8")
    commit(folder, "posted-twice")
    return folder


_BUG = """

_post = DealBook.post


def _doubled(book, fact):
    return [
        msgspec.structs.replace(line, amount=2 * line.amount)
        if line.measure == "won" and line.dims.region == "W" else line
        for line in _post(book, fact)
    ]


import msgspec
DealBook.post = _doubled
"""


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, tag: str) -> None:
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", tag)
    git(folder, "tag", tag)


@pytest.fixture
def settings(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Ten wins, and we are in the checkout."""
    monkeypatch.chdir(checkout)
    settings = Settings(data=tmp_path / "data")
    with Workspace(settings) as workspace:
        tell(workspace, "default", wins(1, 10))
    return settings


@pytest.mark.slow
def test_a_book_that_posts_otherwise_moves_the_slices_that_it_posts(settings: Settings, checkout: Path) -> None:
    told = diff(settings, "as-it-is", "posted-twice", ["bookings"])

    assert {each["why"] for each in told["moved"]} == {"books"}
    assert [each for each in told["moved"] if "region" in each["slice"]] == [
        {
            "kpi": "bookings", "grain": "month", "period": "2026-03", "slice": {"region": "W"},
            "old": "50.00", "new": "100.00", "why": "books",
        }
    ]  # fmt: skip
    assert (
        "code"
        not in subprocess.run(
            ["git", "worktree", "list"], cwd=checkout, capture_output=True, text=True, check=True
        ).stdout
    )


@pytest.mark.slow
def test_a_kpi_that_is_defined_otherwise_moves_with_that_reason(settings: Settings) -> None:
    steps: list[tuple[str, int, int]] = []
    told = diff(settings, "as-it-is", "redefined", progress=lambda *step: steps.append(step))
    assert {each["why"] for each in told["moved"]} == {"definition"}
    assert {(each["old"], each["new"]) for each in told["moved"] if each["old"]} == {("10.00", "20.00")}
    assert {each["kpi"] for each in told["moved"]} >= {"average_deal_size"}
    assert 0 < told["asked"] < told["compared"] / 10, "only those of KPIs that are defined otherwise"
    assert steps[-1] == ("comparing", told["asked"], told["asked"])


@pytest.mark.slow
def test_the_same_twice_moves_nothing(settings: Settings) -> None:
    told = diff(settings, "as-it-is", "as-it-is")
    assert (told["moved"], told["only_old"], told["only_new"]) == ([], [], [])
    assert (told["compared"] > 500, told["asked"]) == (True, 0), "no line is another, and so is no number"


@pytest.mark.slow
def test_code_that_makes_other_answers_of_the_same_ledger_is_asked_everything(
    settings: Settings, checkout: Path
) -> None:
    asking = checkout / "projections" / "ask.py"
    asking.write_text(asking.read_text("utf-8").replace(" _ordered(question, found))", " [])"))
    commit(checkout, "says-nothing")
    told = diff(settings, "as-it-is", "says-nothing", ["bookings"])
    assert told["asked"] == told["compared"] > 5
    assert {(each["why"], each["new"]) for each in told["moved"]} == {("books", None)}


def test_a_revision_that_there_is_not_is_said(settings: Settings) -> None:
    with pytest.raises(WorkspaceError, match="nowhere cannot be checked out"):
        diff(settings, "nowhere", "as-it-is")
