"""The same events give the same ledger to the bit, in this process and on a server."""

from pathlib import Path

from services.processor.parallel import post_parallel
from services.replay.digest import ledger_digest
from services.replay.rebuild import rebuild
from services.replay.verify import verify
from services.settings import Settings
from services.workspace import Workspace
from tests.clickhouse.running import RunningServer
from tests.clickhouse.server import Fault
from tests.services.store.test_crashes import DAYS, journalled


def on(clickhouse: RunningServer, folder: Path, database: str) -> Settings:
    """A journal in a folder, and a store on the server."""
    return Settings(data=folder, store=clickhouse.url.replace("/salestream", f"/{database}"))


def digest(workspace: Workspace) -> str:
    return ledger_digest(workspace.store, "default", len(DAYS))


def test_posted_rebuilt_and_verified_on_a_server(clickhouse: RunningServer, tmp_path: Path) -> None:
    with Workspace(Settings(data=tmp_path / "embedded")) as embedded:
        journalled(embedded, 1)
        embedded.post_all()
        good = digest(embedded)

    with Workspace(on(clickhouse, tmp_path / "server", "books")) as server:
        journalled(server, 1, 6)
        server.post_all()
        journalled(server, 7)
        clickhouse.fault(Fault("reset after", match="^INSERT INTO postings"))
        server.post_all()
        assert digest(server) == good
        assert verify(server)["ok"]
        assert rebuild(server)["changed"] == []
        assert digest(server) == good
        assert server.post_all() == 0
        assert (server.folder / "store").exists() is False

    with Workspace(on(clickhouse, tmp_path / "server", "books")) as server:
        assert server.store.checkpoint("default").position == len(DAYS)


def test_posted_by_helpers_onto_a_server(clickhouse: RunningServer, tmp_path: Path) -> None:
    with Workspace(on(clickhouse, tmp_path, "helped")) as server:
        journalled(server, 1)
        clickhouse.fault(Fault("reset after", match="^INSERT INTO postings"))
        assert post_parallel("default", server.settings.journal_path, server.store, workers=2) == len(DAYS)
        assert verify(server)["ok"]
