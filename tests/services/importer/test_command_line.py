"""``salestream import`` as people run it: its exit codes and its sentences."""

import json
from pathlib import Path

import pytest

from services.cli.app import main
from tests.services.importer.office import WON


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a mapping and two exports, one of them with a wrong line."""
    (tmp_path / "mine.yaml").write_text(WON, "utf-8")
    (tmp_path / "good.csv").write_text("id,closed,amount\nD-1,2026-03-01,90\n", "utf-8")
    (tmp_path / "bad.csv").write_text("id,closed,amount\nD-2,2026-03-01,90\nD-3,2026-03-01,ninety\n", "utf-8")
    return tmp_path


def run(folder: Path, *args: str) -> int:
    """The exit code of a run on a data folder."""
    return main(["--data", str(folder / "data"), *args])


def test_what_is_imported_can_be_asked_for(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(files, "import", "mine", str(files / "good.csv"), "--mapping", str(files / "mine.yaml")) == 0
    assert capfd.readouterr().out.startswith("1 accepted, 0 duplicates, 0 refused")
    assert run(files, "kpi", "bookings", "--json", "--currency", "USD") == 0
    assert json.loads(capfd.readouterr().out)["rows"][0]["value"] == "90.00"


def test_some_refused_is_exit_3_and_says_which(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(files, "import", "mine", str(files / "bad.csv"), "--mapping", str(files / "mine.yaml"), "--json") == 3
    report = json.loads(capfd.readouterr().out)
    ((file, line),) = [(each["file"], each["line"]) for each in report["refused"]]
    assert (report["accepted"], file, line) == (1, "bad.csv", 3)


def test_a_dry_run_writes_nothing(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = "import", "mine", str(files / "good.csv"), "--mapping", str(files / "mine.yaml"), "--dry-run", "--json"
    assert run(files, *command) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["told"], report["position"]) == ({"deal.won": 1}, 0)


def test_what_cannot_be_imported_is_exit_2_and_one_sentence(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(files, "import", "dynamics", str(files / "good.csv")) == 2
    assert capfd.readouterr().err.startswith(
        "salestream: 'dynamics' has no mapping that ships with Salestream; allowed: "
    )
    assert run(files, "import", "hubspot", str(files / "good.csv")) == 2
    assert capfd.readouterr().err.startswith("salestream: good.csv lacks the columns Close Date, Create Date, ")
