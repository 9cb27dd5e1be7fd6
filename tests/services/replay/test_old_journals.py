"""Journals that older versions wrote rebuild to the same numbers; what newer ones wrote is kept and counted."""

import json
from pathlib import Path

import pytest

from projections.question import question
from services.journal.port import Journalled
from services.replay.verify import verify
from services.settings import Settings
from services.status import status
from services.workspace import Workspace

KEPT = Path(__file__).parents[2] / "golden" / "journals"
"""By the version that wrote them: entries as they lie in the journal, and what KPIs were then. Never written anew."""


def journalled(version: str) -> list[Journalled]:
    """The entries of a kept journal."""
    lines = (KEPT / f"{version}.jsonl").read_text("utf-8").splitlines()
    found = []
    for line in lines:
        told = json.loads(line)
        body = told.pop("body").encode()
        found.append(Journalled(tenant="default", digest=body[:32], body=body, **told))
    return found


@pytest.mark.parametrize("version", sorted(path.stem for path in KEPT.glob("*.json")))
def test_it_gives_the_numbers_that_it_gave(tmp_path: Path, version: str) -> None:
    expected = json.loads((KEPT / f"{version}.json").read_text("utf-8"))
    with Workspace(Settings(data=tmp_path)) as workspace:
        workspace.journal.append(journalled(version), now_ms=0)
        workspace.post_all()
        books = workspace.books()
        assert workspace.store.parked("default") == []
        assert {name: books.ask(question(name))["rows"][0]["value"] for name in expected} == expected
        assert verify(workspace)["ok"]


def test_what_a_newer_version_wrote_is_kept_and_counted(tmp_path: Path) -> None:
    (event, *rest) = journalled("0.1")[::40]
    body = event.body.replace(event.type.encode(), b"deal.frozen")
    newer = Journalled(
        tenant="default", source="/newer", id="n", type="deal.frozen", at_ms=event.at_ms, subject="D-1", digest=b"n",
        body=body, recorded_ms=event.recorded_ms,
    )  # fmt: skip
    with Workspace(Settings(data=tmp_path)) as workspace:
        workspace.journal.append([event, newer, *rest], now_ms=0)
        workspace.post_all()
        (told,) = status(workspace)["tenants"]
        assert (told["accepted"], told["applied"], told["parked"]) == (len(rest) + 2, len(rest) + 1, 1)
        assert told["identity_holds"]
        ((entry, _, _),) = workspace.store.parked("default")
        assert entry.body == body
