"""A rebuild of a ledger on a ClickHouse server, below a process that writes and one that reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.catalogue import KPIS
from services.replay import rebuild as rebuilding
from services.replay.compare import questions
from services.replay.digest import ledger_digest
from services.replay.rebuild import rebuild, rollback
from services.settings import Settings
from services.store.beside import Beside
from services.store.server import ServerStore, open_server
from services.workspace import Workspace
from tests.clickhouse.running import RunningServer
from tests.services.processor.stories import story
from tests.services.replay.test_rebuild_and_verify import tell
from tests.services.store.conftest import running

__all__ = ["running"]


@pytest.fixture
def workspace(tmp_path: Path, running: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Sixty events in a database of their own."""
    monkeypatch.setattr(rebuilding, "questions", lambda: questions(KPIS[:1]))
    url = running.url.replace("/salestream", "/rebuilt")
    with Workspace(Settings(data=tmp_path, store=url)) as opened:
        tell(opened, "default", story(60))
        opened.post_all()
        yield opened


def test_who_writes_and_who_reads_go_on_over_the_switch(workspace: Workspace) -> None:
    assert isinstance(workspace.store, ServerStore)
    before = ledger_digest(workspace.store, "default", 60)
    reader = Beside(lambda: open_server(workspace.settings.store))
    words: list[str] = []

    def position(word: str) -> int:
        words.append(word)
        return reader.checkpoint("default").position

    assert reader.whole(position) == 60
    assert rebuild(workspace)["switched"]
    assert reader.whole(position) == 60
    assert len(set(words)) == 2, "a reader knows that it reads other tables"

    tell(workspace, "default", story(80)[60:])
    assert workspace.post_all() == 20
    assert ledger_digest(workspace.store, "default", 60) == before
    assert rollback(workspace)["events"] == 20
    assert ledger_digest(workspace.store, "default", 60) == before
    assert reader.whole(position) == 80
    reader.close()
