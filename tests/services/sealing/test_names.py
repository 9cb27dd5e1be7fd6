"""Names of reps are opened at the border where they are shown, until they are erased."""

from pathlib import Path

from services.clock import now_ms
from services.sealing.subjects import erase
from services.settings import Settings
from services.wallboard.known import Knowing
from services.wallboard.privacy import Privacy
from services.workspace import Workspace
from tests.services.sealing.conftest import CANARY


def test_the_wall_knows_a_rep_by_name_until_it_is_erased(tmp_path: Path) -> None:
    told = {"specversion": "1.0", "id": "e", "source": "/hr", "type": "rep.assigned", "time": "2026-03-02T09:00:00Z"}
    with Workspace(Settings(data=tmp_path / "data")) as workspace:
        workspace.ingest().tell([told | {"data": {"rep_id": "R-1", "name": CANARY}}], now_ms=now_ms())
        workspace.post_all()
        books, knowing = workspace.books(), Knowing()
        before = knowing.at(books, books.cut(None))

        erase(workspace.journal, "default", "rep:R-1", now_ms=now_ms())
        workspace.post_all()
        after = knowing.at(books, books.cut(None))

    assert (before.reps, before.called("R-1", Privacy())) == ({"R-1": CANARY}, CANARY)
    assert (after.reps, after.called("R-1", Privacy())) == ({}, "R-1")
