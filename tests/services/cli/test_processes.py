"""Whole processes: two on one folder, a reader that goes away, Ctrl-C, a damaged folder, a full disk."""

import os
import signal
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from services.ingest import BATCH
from tests.services.cli.conftest import EXECUTABLE, SEPTEMBER, Ran, Run, event, lines, process

pytestmark = pytest.mark.e2e


def finished(running: "subprocess.Popen[str]") -> Ran:
    """What came of a process."""
    out, err = running.communicate(timeout=120)
    return Ran(running.returncode, out, err)


def shell(*args: object) -> Ran:
    """One run in a process of its own."""
    return finished(process(*args))


def test_a_second_process_on_the_folder_is_told_who_owns_it(folder: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    first = process("--data", folder, "ingest", pipe)
    with pipe.open("wb") as told:
        told.write(SEPTEMBER)
        told.flush()
        second = shell("--data", folder, "kpi", "bookings")

    assert second.code == 1
    assert f"the data folder {folder} is in use by process {first.pid}" in second.sentence
    assert finished(first).code == 0
    assert shell("--data", folder, "kpi", "bookings").code == 0


def test_what_comes_down_a_pipe_is_journalled_at_once(folder: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    running = process("--data", folder, "ingest", pipe)
    with pipe.open("wb") as told:
        told.write(SEPTEMBER)
        told.flush()
        while len(shell("--data", folder, "replay").out.splitlines()) < 5:
            assert running.poll() is None
        running.kill()
    finished(running)


def test_history_can_be_read_while_another_process_owns_the_folder(told: Run, folder: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    first = process("--data", folder, "ingest", pipe)
    with pipe.open("wb"):
        assert len(shell("--data", folder, "replay").out.splitlines()) == 5
    assert finished(first).code == 0


def test_a_reader_that_goes_away_ends_it_quietly(told: Run, folder: Path) -> None:
    for args in (["kpis", "--json"], ["--data", str(folder), "replay"]):
        read, write = os.pipe()
        os.close(read)
        running = process(*args, stdout=write)
        os.close(write)

        ran = finished(running)
        assert (ran.code, ran.err) == (141, "")


def test_ctrl_c_is_one_word_and_what_was_accepted_stays(folder: Path, tmp_path: Path) -> None:
    running = process("--data", folder, "ingest", "-", stdin=subprocess.PIPE)
    assert running.stdin is not None
    running.stdin.write(SEPTEMBER.decode() * BATCH)  # more than a whole batch
    running.stdin.flush()
    journal = folder / "journal.sqlite"
    give_up_at = time.monotonic() + 120
    while not journal.exists() or not shell("--data", folder, "replay", "--to", "1").out:
        assert time.monotonic() < give_up_at, "a whole batch was told, and nothing of it is in the journal"
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    ran = finished(running)

    assert (ran.code, ran.sentence) == (130, "stopped")
    assert shell("--data", folder, "kpi", "bookings", "--csv").out.splitlines()[1] == "total,11500.00,11500.00,"


@pytest.mark.parametrize("name", ["journal.sqlite", "store"])
def test_a_damaged_folder_is_one_sentence(told: Run, folder: Path, name: str) -> None:
    dice = Random(7)
    for path in [folder / name] if name.endswith(".sqlite") else (folder / name).rglob("*"):
        if path.is_file():
            path.write_bytes(dice.randbytes(200))
    ran = shell("--data", folder, "kpi", "bookings")

    assert ran.code == 1
    assert "damaged" in ran.sentence


def test_a_lost_store_is_made_anew_from_the_journal(told: Run, folder: Path) -> None:
    before = told("kpi", "bookings", "--json").json
    for path in sorted((folder / "store").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    assert told("kpi", "bookings", "--json").json == before


def test_a_folder_that_may_not_be_used_is_one_sentence(tmp_path: Path) -> None:
    ran = shell("--data", "/proc/nowhere", "status")
    file = tmp_path / "file"
    file.write_text("")

    assert (ran.code, "choose another with --data" in ran.sentence) == (1, True)
    assert (shell("--data", file, "status").code, shell("--data", file / "x", "status").code) == (2, 1)


def test_a_full_disk_is_one_sentence_and_nothing_is_half_applied(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    orders = (
        event("order.placed", str(n), "2026-09-30T10:00:00Z", order_id=f"O-{n}", amount="1.00") for n in range(10_000)
    )
    file.write_bytes(lines(*orders))

    small_disk = ["sh", "-c", 'trap "" XFSZ && ulimit -f 1024 && exec "$0" "$@"']
    ran = finished(process("--data", folder, "ingest", file, under=small_disk))

    assert ran.code == 1
    assert ran.sentence
    again = shell("--data", folder, "ingest", file, "--json")
    assert again.code == 0
    assert again.json["accepted"] + again.json["duplicates"] == 10_000
    assert shell("--data", folder, "verify").code == 0


def test_the_command_is_installed() -> None:
    assert EXECUTABLE.exists()
    assert shell("--version").out.startswith("salestream ")
