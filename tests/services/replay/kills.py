"""``python -m tests.services.replay.kills``: a rebuild is killed again and again, and the live ledger stays as it was.

CI kills ten; this takes minutes. Each rebuild is the command that users run, on some thousands of events and with a
wrong line in the live ledger, and is killed with -9 at a random moment of the time that one takes. Afterwards the live
ledger is the old one or, where the switch was done, the new one, whole either way; and a last rebuild is clean.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.work import simulate
from services.replay.digest import history_digest, ledger_digest
from services.replay.rebuild import rebuild
from services.replay.verify import verify
from services.settings import Settings
from services.store.sets import LEDGER
from services.workspace import Workspace

_EXECUTABLE = str(Path(sys.executable).with_name("salestream"))
State = tuple[str, str, int]


def main() -> None:
    """Kill as often as told, and end with 1 if anything was not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.services.replay.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=7)
    told = parser.parse_args()
    chance, wrong = random.Random(told.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        path, data = Path(folder) / "events.jsonl", Path(folder) / "data"
        simulate(path, told.events)
        subprocess.run([_EXECUTABLE, "--data", str(data), "ingest", str(path)], check=False, capture_output=True)
        with Workspace(Settings(data=data)) as workspace:
            good, tables = _state(workspace), _tables(workspace)
        bad = _spoil(data)
        assert bad != good
        began = time.monotonic()
        _rebuild(data, None)
        whole_s = time.monotonic() - began
        assert _spoil(data) == bad, "the rebuild mended it"
        for number in range(told.kills):
            moment = chance.uniform(0, whole_s)
            killed = _rebuild(data, moment)
            with Workspace(Settings(data=data)) as workspace:
                found = _state(workspace)
                if found == good:
                    said = "the new ledger is in place"
                elif workspace.store._sets.live() is not None and found == bad:
                    said = "the ledger is as it was"
                else:
                    said, wrong = f"WRONG: {found}", wrong + 1
            _say(f"{number + 1}: {'killed' if killed else 'ended'} after {moment:.2f} s: {said}")
            if found == good:
                assert _spoil(data) == bad
        with Workspace(Settings(data=data)) as workspace:
            done = rebuild(workspace, expect=["all"])["switched"] and verify(workspace)["ok"]
            clean = len(_tables(workspace)) == len(tables) + len(LEDGER) and _state(workspace) == good
    _say(f"{told.kills} kills, {wrong} wrong; the next rebuild is {'clean' if done and clean else 'NOT CLEAN'}")
    sys.exit(0 if done and clean and not wrong else 1)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _state(workspace: Workspace) -> State:
    """The digests of the live ledger, and how far it goes."""
    position = workspace.store.checkpoint("default").position
    store = workspace.store
    return ledger_digest(store, "default", position), history_digest(store, "default", position), position


def _tables(workspace: Workspace) -> set[str]:
    rows = workspace.store.query("SELECT name FROM system.tables WHERE database = currentDatabase()", {})
    return {name for (name,) in rows}


def _spoil(data: Path) -> State:
    """Make the live ledger another than a rebuild makes, so that it shows which one is in place; what it is then."""
    with Workspace(Settings(data=data)) as workspace:
        ((first,),) = workspace.store.query("SELECT min(position) FROM {postings}", {})
        lose = "ALTER TABLE {postings} DELETE WHERE position = {first:UInt64} SETTINGS mutations_sync = 2"
        workspace.store._command(lose, {"first": first})
        return _state(workspace)


def _rebuild(data: Path, kill_s: float | None) -> bool:
    """Run the command; whether it was killed before it ended."""
    command = [_EXECUTABLE, "--data", str(data), "--json", "rebuild", "--expect-change", "all"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(kill_s)
        return False
    process.kill()
    return process.wait() == -signal.SIGKILL


if __name__ == "__main__":
    main()
