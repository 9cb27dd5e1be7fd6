"""Whether the laws hold is said with every number, wherever it is asked; and looking at them keeps nobody waiting."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from services import laws as places
from services.books import Books
from services.clock import now_ms
from services.laws import LOOK_MS, Laws, Look, Looking
from services.settings import Settings
from services.store.port import StoreError
from services.workspace import Workspace
from tests.services.test_receipt import STORY


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(Settings(data=tmp_path)) as workspace:
        workspace.ingest().tell(STORY, now_ms=now_ms(), importer=True)
        workspace.poster("default").catch_up()
        yield workspace


@pytest.fixture
def books(workspace: Workspace) -> Books:
    return workspace.books("default")


def spoil(workspace: Workspace) -> None:
    """One line of the ledger is lost."""
    workspace.store._command(
        "ALTER TABLE postings DELETE WHERE position = 7 AND line = 0 SETTINGS mutations_sync = 2", {}
    )


def test_it_is_looked_at_first_and_then_now_and_then(
    workspace: Workspace, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, laws = now_ms(), Laws()
    monkeypatch.setattr(places, "now_ms", lambda: now)
    assert laws.lately(books) is None
    assert laws.known(books).told() == {"hold": True, "position": books.cut(None).position, "broken": []}
    spoil(workspace)
    assert laws.known(books).told()["hold"], "it was looked at just now"
    now += LOOK_MS
    assert laws.known(books).told() == {
        "hold": False, "position": books.cut(None).position, "broken": ["lines_are_all_there"]
    }  # fmt: skip


def test_other_tables_are_looked_at_anew(workspace: Workspace, books: Books) -> None:
    laws = Laws()
    assert laws.known(books).tables == ""
    spoil(workspace)
    other = Books(workspace.store, "default", workspace.settings, "1")
    assert not laws.known(other).told()["hold"]


def test_somebody_looks_aside_once_and_what_goes_wrong_there_is_said(
    books: Books, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now, begun = now_ms(), list[tuple[str, Looking, Future[Look]]]()
    monkeypatch.setattr(places, "now_ms", lambda: now)

    def aside(tenant: str, look: Looking) -> Future[Look]:
        begun.append((tenant, look, Future()))
        return begun[-1][2]

    laws = Laws(aside)
    assert [laws.lately(books), laws.lately(books)] == [None, None]
    ((tenant, look, future),) = begun
    future.set_exception(StoreError("the engine is away"))
    assert [record.message for record in caplog.records] == [
        "the laws of the ledger could not be looked at: the engine is away"
    ]
    assert tenant == "default"
    found = look(books)
    assert laws.known(books) is found
    now += LOOK_MS
    assert laws.known(books) is found, "who asks does not wait while somebody looks again"
    assert len(begun) == 2
    now += LOOK_MS
    assert laws.known(books) is not found, "but is told nothing of long ago"


def test_nobody_waits_for_a_large_ledger(workspace: Workspace, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = list[Looking]()

    def aside(tenant: str, look: Looking) -> Future[Look]:
        begun.append(look)
        return Future()

    monkeypatch.setattr(places, "AT_ONCE", 10)
    assert Laws().known(books).told() == {"hold": None, "position": 0, "broken": []}
    laws = Laws(aside)
    assert laws.known(books).told()["hold"] is None
    (look,) = begun
    look(books)
    assert laws.known(books).told() == {"hold": True, "position": books.cut(None).position, "broken": []}
    spoil(workspace)
    other = Books(workspace.store, "default", workspace.settings, "1")
    assert laws.known(other).told()["hold"] is None, "what was found in other tables says nothing of these"
    assert laws.lately(other) is None
