"""What is measured, each as a function that can run in a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from services.replay.rebuild import rebuild
from services.replay.verify import broken_laws
from services.settings import Settings
from services.simulator.company import Company
from services.workspace import Workspace

EVENTS_PER_REP: Final = 4_930
"""What the simulated company tells for each rep in two years, roughly."""
SOME_REFUSED: Final = (0, 3)
"""How ``ingest`` ends: of what the simulated company tells, some is refused."""


def simulate(path: Path, events: int) -> int:
    """Two years of a company of the right size, as JSON lines."""
    company = Company(seed=7, years=2, reps=max(events // EVENTS_PER_REP, 8))
    told = 0
    with path.open("wb") as file:
        for line in company.lines():
            file.write(line.rstrip(b"\n") + b"\n")
            told += 1
    return told


def ingest(data: Path, path: Path) -> None:
    """Validate, journal and post a file: the command, as a user runs it."""
    done = subprocess.run(ingest_command(data, path), stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in SOME_REFUSED:
        raise RuntimeError(f"salestream ingest ended with {done.returncode}")


def ingest_command(data: Path, path: Path) -> list[str]:
    """Validate, journal and post a file, as a user does it."""
    return [str(Path(sys.executable).with_name("salestream")), "--data", str(data), "--json", "ingest", str(path)]


def rebuild_all(data: Path) -> int:
    """Make the ledger anew, prove it and put it in place; the events posted.

    Proved: digests of both ledgers are the same, of all lines and of all events, and every law holds in the new one.
    """
    with Workspace(Settings(data=data)) as workspace:
        told = rebuild(workspace)
        if told["changed"] or not told["switched"]:
            raise RuntimeError(f"the ledger made anew is another one: {told}")
        if broken := broken_laws(workspace.store, "default", workspace.store.checkpoint("default")):
            raise RuntimeError(f"laws are broken: {broken}")
        return int(told["events"])


def sql_yardstick(data: Path) -> int:
    """What one window query can do: signed pipeline lines of all deals from their events; the events read.

    It knows no late events, voidings, dimensions or cuts: it is the speed of columns, not a ledger.
    """
    with Workspace(Settings(data=data)) as workspace:
        rows = workspace.store.query(_YARDSTICK, {})
        return int(rows[0][0])


_YARDSTICK: Final = """
    SELECT count(), sum(amount - before), sum(stage != stage_before) FROM (
        SELECT entity, amount, stage,
            lagInFrame(amount) OVER deal AS before, lagInFrame(stage) OVER deal AS stage_before
        FROM (
            SELECT entity, at_ms, position,
                toInt64OrZero(replaceOne(JSONExtractString(body, 'data', 'amount'), '.', '')) AS amount,
                coalesce(nullIf(JSONExtractString(body, 'data', 'to_stage'), ''),
                    JSONExtractString(body, 'data', 'stage')) AS stage
            FROM {history})
        WINDOW deal AS (PARTITION BY entity ORDER BY at_ms, position))"""


def empty(data: Path) -> Any:
    """Open and close the books: what every figure pays for the engine."""
    with Workspace(Settings(data=data)) as workspace:
        return workspace.store.checkpoint("default").position
