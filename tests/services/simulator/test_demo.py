"""The live demo, on real journals and ledgers: without a screen, and on a terminal of its own."""

import fcntl
import io
import itertools
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from services.settings import Settings
from services.simulator.company import Company
from services.simulator.demo import Summary, run_demo
from services.simulator.gauges import KPIS
from services.workspace import Workspace, WorkspaceError

ROOT = Path(__file__).parents[3]
WATCHED = """
import json, sys
from pathlib import Path
from rich.console import Console
from services.settings import Settings
from services.simulator.company import Company
from services.simulator.demo import run_demo
from services.workspace import Workspace

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
with Workspace(Settings(data=folder, lang="zh")) as workspace:
    summary = run_demo(workspace, Company(reps=4), seconds=seconds, console=Console(stderr=True))
(folder / "summary.json").write_text(json.dumps(summary.as_json()), "utf-8")
"""


def headless(folder: Path, company: Company, *, tenant: str = "default", **more: object) -> tuple[Summary, str]:
    """A demo nobody watches, and what it wrote to its console."""
    shown = io.StringIO()
    with Workspace(Settings(data=folder, tenant=tenant)) as workspace:
        summary = run_demo(workspace, company, headless=True, console=Console(file=shown), **more)  # type: ignore[arg-type]
        tally = workspace.journal.tally(tenant)
        assert (tally.told, tally.accepted) == (summary.told, summary.accepted)
        assert workspace.poster(tenant).position == summary.position == tally.accepted
    return summary, shown.getvalue()


def test_it_may_take_long_without_a_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due is at most the whole history, on a machine however slow."""
    hours = itertools.count(step=3600.0)
    monkeypatch.setattr("services.simulator.demo.time.perf_counter", lambda: next(hours))
    summary, _ = headless(tmp_path / "data", Company(reps=2, years=1))
    assert (summary.ended, summary.simulated_to) == ("history", "2024-12-31")


def test_without_a_screen_it_runs_to_the_end_and_sums_up(tmp_path: Path) -> None:
    company = Company(reps=4, years=1)
    file = tmp_path / "events.jsonl"
    summary, shown = headless(tmp_path / "data", company, into=file)
    assert shown == ""
    assert (summary.ended, summary.simulated_to, summary.period) == ("history", "2024-12-31", "2024-Q4")
    assert summary.told == summary.accepted + summary.duplicates + summary.refused
    assert summary.told == sum(1 for _ in company.events())
    assert file.read_bytes() == b"".join(company.lines())
    assert tuple(summary.kpis) == KPIS
    assert all(value is not None for value in summary.kpis.values())
    assert summary.as_known is not None
    assert summary.as_known.value != summary.as_known.now, "something was learnt late"
    assert (summary.as_known.period, summary.as_known.known_on) == ("2024-Q3", "2024-10-02")
    assert msgspec.json.decode(msgspec.json.encode(summary.as_json()))["kpis"] == summary.kpis
    assert summary.text("en").count("\n") == 2
    assert "as known on 2024-10-02" in summary.text("en")
    assert "时所知" in summary.text("zh")


def test_it_ends_when_its_time_is_over(tmp_path: Path) -> None:
    began = time.perf_counter()
    summary, _ = headless(tmp_path, Company(reps=400), seconds=1.0)
    assert summary.ended == "time"
    assert summary.simulated_to < "2025-12-31"
    assert time.perf_counter() - began < 15
    assert summary.as_known is None or summary.as_known.value is not None


def test_it_fits_the_history_into_the_time(tmp_path: Path) -> None:
    summary, _ = headless(tmp_path, Company(reps=1, years=1), seconds=4.0)
    assert summary.ended == "history"
    assert summary.seconds > 2


def test_it_lives_under_the_tenant_of_the_workspace(tmp_path: Path) -> None:
    summary, _ = headless(tmp_path, Company(reps=1, years=1), tenant="acme")
    assert summary.accepted > 500


def test_it_wants_an_empty_journal(tmp_path: Path) -> None:
    headless(tmp_path, Company(reps=1, years=1))
    with pytest.raises(WorkspaceError, match="choose another with --data"):
        headless(tmp_path, Company(reps=1, years=1))


def test_nothing_is_told_of_days_to_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.simulator.demo.now_ms", lambda: 1_711_900_000_000)  # 2024-03-31 in UTC
    summary, _ = headless(tmp_path, Company(reps=1, years=9))
    assert summary.simulated_to <= "2024-03-31"
    assert summary.refused < 10


def watch(folder: Path, seconds: float, ctrl_c_after: int | None = None) -> tuple[int, str]:
    """A demo on a terminal of 120 by 40, stopped after so many frames; its exit code and what was seen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    # An environment of its own: pytest's readline has put its idea of LINES and COLUMNS into ours.
    ours_only = ("LINES", "COLUMNS")
    env = {name: value for name, value in os.environ.items() if name not in ours_only}
    env |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", WATCHED, str(folder), str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen, stopped = b"", False
        give_up_at = time.perf_counter() + 120
        try:
            while part := _read(ours, give_up_at):
                seen += part
                if ctrl_c_after is not None and not stopped and seen.count("销售额".encode()) >= ctrl_c_after:
                    process.send_signal(signal.SIGINT)
                    stopped = True
        finally:
            process.kill()
            os.close(ours)
        code = process.wait()
    return code, seen.decode("utf-8", "replace")


def _read(terminal: int, give_up_at: float) -> bytes:
    """What comes next; nothing once the other side is closed, or it took too long."""
    there = select.poll()  # a process with many files open has numbers that select.select refuses
    there.register(terminal, select.POLLIN)
    left_s = give_up_at - time.perf_counter()
    if left_s <= 0 or not there.poll(left_s * 1000):
        return b""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


def test_on_a_terminal_it_shows_the_company_live(tmp_path: Path) -> None:
    code, seen = watch(tmp_path, 4)
    assert code == 0
    assert "Salestream" in seen
    for text in ("报送", "销售排行", "商机管道", "最近赢单", "净推荐值"):
        assert text in seen
    assert seen.rstrip().endswith("\x1b[?1049l"), "the terminal is left as it was found"
    summary = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert summary["told"] == summary["accepted"] + summary["duplicates"] + summary["refused"] > 0


def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    code, seen = watch(tmp_path, 110, ctrl_c_after=3)
    assert code == 0
    assert "Traceback" not in seen
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["ended"] == "stopped"
