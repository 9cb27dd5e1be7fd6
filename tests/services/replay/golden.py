"""The golden digests of a simulated company: ``python -m tests.services.replay.golden`` writes them anew.

They change where the simulator, the vocabulary, a book or a KPI does, and only there: look at what moved, and why,
before you commit them.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from events.codec import InvalidEvent, decode
from events.personal import PERSONAL
from services.replay.chain import chain
from services.replay.digest import answers_digests, journal_digest, ledger_digest
from services.settings import Settings
from services.simulator.company import Company
from services.workspace import Workspace
from tests.oracle.real_path import NOW_MS

FILE: Final = Path(__file__).parents[2] / "golden" / "digests.json"
COMPANY: Final = Company(seed=7, years=1, reps=1)


def told(workspace: Workspace) -> None:
    """The company's events into the journal, without what is refused at the door, and without what is personal: that
    is sealed with keys that are others on every machine."""
    batch = []
    for event in COMPANY.events():
        told = {name: value for name, value in event["data"].items() if name not in PERSONAL.get(event["type"], ())}
        try:
            batch.append(decode(event | {"data": told}, now_ms=NOW_MS, currency="CNY", importer=True))
        except InvalidEvent:
            continue
    workspace.journal.append(batch, now_ms=NOW_MS)


def digests(workspace: Workspace, batch: int, *, answers: bool = True) -> dict[str, Any]:
    """Of the journal, and of the ledger and the answers that it gives, posted in batches of this size."""
    workspace.poster("default").catch_up(batch=batch)
    cut = workspace.store.checkpoint("default")
    found = {
        "events": cut.position,
        "journal": journal_digest(workspace.journal, "default", cut.position),
        "chain": chain(workspace.journal, "default", {cut.position})[cut.position],
        "ledger": ledger_digest(workspace.store, "default", cut.position),
    }
    return found | ({"answers": answers_digests(workspace.books(), cut)} if answers else {})


def main() -> None:
    """Write them."""
    with TemporaryDirectory() as folder, Workspace(Settings(data=Path(folder))) as workspace:
        told(workspace)
        FILE.write_text(json.dumps(digests(workspace, 20_000), indent=2, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
