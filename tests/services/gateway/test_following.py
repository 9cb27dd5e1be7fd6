"""The ledger follows the journal, past failures, and stops where somebody else has taken over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.clock import now_ms
from services.gateway import following
from services.gateway.following import Follower
from services.settings import Settings
from services.store.port import Fenced, StoreError
from services.workspace import Workspace
from tests.services.gateway.conftest import event
from tests.services.gateway.test_serve import until


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(Settings(data=tmp_path / "data")) as workspace:
        yield workspace


def tell(workspace: Workspace, *ids: str, tenant: str = "default") -> None:
    """Events that are in the journal, and not in the ledger yet."""
    told = workspace.ingest().tell([event(id_, deal_id=id_) for id_ in ids], now_ms=now_ms(), tenant=tenant)
    assert {each.status for each in told} == {"accepted"}


def ledger(workspace: Workspace, tenant: str = "default") -> int:
    """How far the ledger is."""
    return workspace.store.checkpoint(tenant).position


def test_it_posts_what_is_there_what_comes_and_what_came_last(workspace: Workspace) -> None:
    tell(workspace, "0", tenant="acme")
    with Follower(workspace) as follower:
        until(lambda: follower.behind() == 0)
        tell(workspace, "1", "2")
        assert follower.behind() == 2
        follower.wake()
        assert until(lambda: follower.behind() == 0) < 5
        tell(workspace, "3")
    assert (ledger(workspace), ledger(workspace, "acme")) == (3, 1)
    assert follower.done is not None
    assert follower.done.result() is None


def test_what_failed_is_tried_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(tenant: str) -> Any:
        raise StoreError("the store is away; bring it back")

    monkeypatch.setattr(following, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(workspace, "poster", failing)
    tell(workspace, "1")
    with Follower(workspace) as follower:
        until(lambda: follower.failing)
        assert follower.behind() == 1
        monkeypatch.delattr(workspace, "poster")
        follower.wake()
        until(lambda: follower.behind() == 0 and not follower.failing)
    assert caplog.text.count("the store is away") == 1, "it is said once, not at each try"
    assert ledger(workspace) == 1


def test_who_was_taken_over_from_ends(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fenced(tenant: str) -> Any:
        raise Fenced("another process has taken over")

    tell(workspace, "1")
    monkeypatch.setattr(workspace, "poster", fenced)
    with Follower(workspace) as follower:
        assert follower.done is not None
        assert isinstance(follower.done.exception(timeout=20), Fenced)
