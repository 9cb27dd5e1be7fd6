"""Keeping the books: verify, rebuild, digests, status, and reading history out."""

import json
import shutil
from pathlib import Path

import pytest

from services.settings import Settings
from services.workspace import Workspace
from tests.services.cli.conftest import SEPTEMBER, Run


def test_verify_finds_the_books_right(told: Run) -> None:
    assert told("verify", "--json").json["ok"] is True
    assert told("verify").out.endswith("The books are right.\n")


def test_verify_finds_a_ledger_that_was_touched(told: Run, folder: Path) -> None:
    with Workspace(Settings(data=folder)) as workspace:
        workspace.store._command("ALTER TABLE postings DELETE WHERE measure = 'won' SETTINGS mutations_sync = 2", {})
    ran = told("verify", "--json")

    assert (ran.code, ran.err, ran.json["ok"]) == (1, "", False)
    assert told("verify").out.endswith("The books are not right.\n")


def test_rebuild_leaves_the_ledger_as_it_was(told: Run) -> None:
    before = told("digest", "--json").json

    result = told("rebuild", "--json").json
    assert (result["events"], result["changed"], result["switched"]) == (5, [], True)
    assert told("rebuild").out == "5 events posted anew\nthe ledger is the same as before\n"
    assert told("digest", "--json").json == before


def test_a_digest_at_a_cut_stays_as_history_goes_on(run: Run) -> None:
    run("ingest", "-", stdin=b"".join(SEPTEMBER.splitlines(keepends=True)[:3]))
    then = run("digest", "--json").json
    run("ingest", "-", stdin=SEPTEMBER)

    assert run("digest", "--json", "--as-of", "3").json == then
    assert run("digest", "--json").json["journal"] != then["journal"]
    assert f"ledger: {then['ledger']}\n" in run("digest", "--as-of", "3").out


def test_status_counts_everything(told: Run) -> None:
    told("ingest", "-", stdin=SEPTEMBER + b"nonsense\n")
    (tenant,) = told("status", "--json").json["tenants"]

    assert (
        tenant | {"told": 11, "accepted": 5, "duplicates": 5, "refused": 1, "applied": 5, "parked": 0, "lag": 0}
        == tenant
    )
    assert tenant["identity_holds"]
    assert tenant["laws_hold"]
    assert "default" in told("status").out


def test_an_empty_folder_is_in_order(run: Run) -> None:
    assert run("status").out.endswith("Nothing was told yet.\n")
    assert run("verify").out == "Nothing was told yet.\n"
    assert run("rebuild").code == 0
    assert run("digest").code == 0


def test_history_told_to_another_folder_is_the_same_journal(told: Run, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    digest = told("digest", "--json").json

    assert told("replay", "--into", file, "--json").json == {"events": 5, "file": str(file)}
    assert told("--data", tmp_path / "other", "ingest", file).code == 0
    assert told("--data", tmp_path / "other", "digest", "--json").json == digest
    assert [path.name for path in tmp_path.glob("history*")] == ["history.jsonl"]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], "12345"),
        (["--from", "2", "--to", "4"], "234"),
        (["--to", "99"], "12345"),
        (["--from", "2026-09-21T09:00:00Z"], "2345"),
        (["--from", "2026-09-21T09:00:00Z", "--to", "2026-09-30T09:00:00Z"], "2"),
        (["--from", "2026-09-22", "--to", "2026-10"], "34"),
        (["--from", "2027"], ""),
        (["--where-type", "deal.won", "--where-type", "deal.lost"], "234"),
        (["--to", "2", "--speed", "100000000"], "12"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, list) else "",
)
def test_replay_reads_a_stretch_of_history(told: Run, options: list[str], ids: str) -> None:
    ran = told("replay", *options)

    assert (ran.code, "".join(json.loads(line)["id"] for line in ran.out.splitlines())) == (0, ids)


def test_what_replay_cannot_do_is_said(told: Run, run: Run, tmp_path: Path) -> None:
    assert "--from 'x' is no moment and no position" in told("replay", "--from", "x").sentence
    assert "lies after --to" in told("replay", "--from", "4", "--to", "2").sentence
    assert "--as-of '2199-01-01' lies in the future" in told("replay", "--as-of", "2199-01-01").sentence
    assert "--as-of 99 lies after the latest position; allowed: 0 to 5" in told("replay", "--as-of", "99").sentence
    assert "is no event type; allowed: lead.created" in told("replay", "--where-type", "x").sentence
    assert f"{tmp_path}/no/x cannot be written" in told("replay", "--into", f"{tmp_path}/no/x").sentence
    assert "there is no journal at" in run("--data", tmp_path / "none", "replay").sentence
    assert not (tmp_path / "none").exists()


def test_a_demo_ends_by_itself_and_can_be_asked(run: Run, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    ran = run("demo", "--seconds", "1", "--headless", "--years", "1", "--reps", "5", "--into", file, "--json")

    assert ran.code == 0
    assert ran.json["told"] == ran.json["accepted"] + ran.json["duplicates"] + ran.json["refused"] > 0
    assert ran.json["data"] == str(folder)
    assert len(file.read_bytes().splitlines()) == ran.json["told"]
    assert run("verify").code == 0


def test_a_demo_in_a_folder_with_events_is_refused(told: Run) -> None:
    assert "choose another with --data" in told("demo", "--seconds", "1", "--headless").sentence


def test_a_backup_goes_into_a_folder_that_was_not_there(told: Run, tmp_path: Path) -> None:
    made = Path(told("backup", f"{tmp_path}/new/", "--json").json["file"])
    assert made.parent == tmp_path / "new"
    assert told("restore", "--check", made).code == 0
    (tmp_path / "file").touch()
    assert "cannot be made" in told("backup", f"{tmp_path}/file/x/").sentence


def test_a_restore_that_fails_is_not_in_the_way_of_the_next(told: Run, folder: Path, tmp_path: Path) -> None:
    made = Path(told("backup", tmp_path / "b.tar.gz", "--json").json["file"])
    torn = tmp_path / "torn.tar.gz"
    torn.write_bytes(made.read_bytes()[:-100])
    other = tmp_path / "other"
    assert "cannot be read as a backup" in told("--data", other, "restore", torn).sentence
    shutil.copy(folder / "master.key", other)  # with its permissions
    assert told("--data", other, "restore", made).code == 0
