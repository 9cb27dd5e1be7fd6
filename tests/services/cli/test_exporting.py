"""``export`` and ``dispute`` on the command line."""

import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from tests.services.cli.conftest import Run, event, lines

Q3 = ("--from", "2026-Q3", "--to", "2026-Q4")


def test_the_ending_says_what_the_file_is(told: Run, tmp_path: Path) -> None:
    ran = told("export", "bookings", "--by", "region", *Q3, "--into", tmp_path / "b.xlsx")
    assert (ran.code, ran.out) == (0, f"1 rows written to {tmp_path / 'b.xlsx'}\n")
    (row,) = openpyxl.load_workbook(tmp_path / "b.xlsx")["Rows"].iter_rows(min_row=2, values_only=True)
    assert row[:3] == ("total", "华东", 11500)

    done = told("export", "bookings", *Q3, "--what", "receipt", "--into", tmp_path / "b.parquet", "--json").json
    assert done == {"file": str(tmp_path / "b.parquet"), "format": "parquet", "rows": 3}
    assert pq.read_table(tmp_path / "b.parquet")["role"].to_pylist() == ["context", "counted", "excluded"]
    assert told("export", "bookings", *Q3).out == "period,value,bookings,reason\ntotal,11500.00,11500.00,\n"


def test_what_kpi_can_ask_export_can_ask(told: Run) -> None:
    asked = ("bookings", "--by", "region", *Q3, "--compare", "previous", "--limit", "1", "--rest", "--order=-value")
    exported = told("export", *asked)
    assert (exported.code, exported.out) == (0, told("kpi", *asked, "--csv").out)
    assert exported.out.startswith("period,region,value,before,change,growth,")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--into", "b.doc"], "b.doc does not say what it is to be; allowed: a file that ends with .csv, .jsonl"),
        (["--json"], "--json says what was written, and there is no file; allowed: --into FILE"),
        (["--what", "receipt", "--grain", "month"], "question names 3 cells; allowed: one"),
        (["--into", "nowhere/b.csv"], "nowhere/b.csv cannot be written"),
    ],
    ids=["ending", "json", "cells", "folder"],
)
def test_what_cannot_be_exported_is_a_sentence(
    told: Run, args: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = told("export", "bookings", *Q3, *args)
    assert ran.code == 2
    assert sentence in ran.sentence


def test_a_pack_gives_the_number_again_and_holds_nothing_personal(told: Run, run: Run, tmp_path: Path) -> None:
    lead = event(
        "lead.created", "9", "2026-08-30T09:00:00Z", "2026-09-01T09:00:00Z", lead_id="L-1",
        contact={"email": "secret@example.com"},
    )  # fmt: skip
    won = event("deal.won", "10", "2026-09-03T09:00:00Z", "2026-09-03T09:00:00Z", deal_id="D-9", amount="1.00")
    created = event("deal.created", "11", "2026-09-02T09:00:00Z", deal_id="D-9", stage="a", lead_id="L-1")
    told("ingest", "-", stdin=lines(lead, won, created))
    pack = tmp_path / "pack.zip"

    made = told("dispute", "pack", "sales_cycle_days", *Q3, "--into", pack, "--json").json
    checked = run("--data", tmp_path / "other", "dispute", "check", pack, "--json")

    assert (checked.code, made["same"], made["same_definition"]) == (0, True, True)
    assert checked.json == {name: made[name] for name in checked.json}
    with zipfile.ZipFile(pack) as archive:
        body = archive.read("events.jsonl")
        assert json.loads(archive.read("pack.json"))["cell"]["value"] == made["value"] != 0
    assert b"L-1" in body
    assert b"D-3" not in body, "lost, and not part of this number"
    assert b"secret" not in pack.read_bytes() + body
    out = run("dispute", "check", pack).out
    assert out.endswith("It is the same number.\n")


def test_a_pack_of_the_past_is_of_the_past(told: Run, run: Run, tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    made = told("dispute", "pack", "open_deals", "--as-of", "2026-09-20", "--into", pack, "--json").json
    assert (made["value"], made["same"]) == (1, True)


def changed(pack: Path, **files: bytes) -> Path:
    """The pack with other files in it."""
    with zipfile.ZipFile(pack) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in (content | {name.replace("_", "."): body for name, body in files.items()}).items():
            archive.writestr(name, body)
    other = pack.with_name("other.zip")
    other.write_bytes(out.getvalue())
    return other


def test_a_pack_that_was_changed_is_found_out(told: Run, tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    told("dispute", "pack", "bookings", *Q3, "--into", pack)
    with zipfile.ZipFile(pack) as archive:
        said, body = json.loads(archive.read("pack.json")), archive.read("events.jsonl")

    more = told("dispute", "check", changed(pack, events_jsonl=body.replace(b"11500.00", b"99999.00")))
    assert (more.code, "are not those that were packed" in more.sentence) == (2, True)
    said["cell"]["value"] = "1.00"
    other = told("dispute", "check", changed(pack, pack_json=json.dumps(said).encode()))
    assert (other.code, other.out.splitlines()[-1]) == (1, "It is not the same number.")
    said["definition"]["hash"] = "0"
    assert (
        "definition of this version" in told("dispute", "check", changed(pack, pack_json=json.dumps(said).encode())).out
    )


def test_what_is_no_pack_is_a_sentence(told: Run, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK no")
    ran = told("dispute", "check", tmp_path / "x.zip")
    assert (ran.code, ran.sentence) == (
        2, "the file is no dispute pack; allowed: one that `salestream dispute pack` wrote",
    )  # fmt: skip
    nothing = told("dispute", "pack", "nps", "--into", tmp_path / "y.zip")
    assert (nothing.code, "no event makes this number" in nothing.sentence) == (1, True)
    assert not (tmp_path / "y.zip").exists()
