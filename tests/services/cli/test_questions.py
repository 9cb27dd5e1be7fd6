"""Asking: the small company's numbers as they are, as they were known, and why."""

import csv
import io
import json
from pathlib import Path

import pytest

from services.cli.session import Session
from services.settings import Settings
from services.workspace import Workspace
from tests.services.cli.conftest import SEPTEMBER, Run, event, lines


def value(run: Run, *args: str) -> object:
    """The value of a question with one row."""
    (row,) = run("kpi", *args, "--json").json["rows"]
    return row["value"]


def test_a_number_as_known_now_and_as_known_then(told: Run) -> None:
    september = ["bookings", "--from", "2026-09", "--to", "2026-10"]

    assert value(told, *september) == "11500.00"
    assert value(told, *september, "--as-of", "2026-10-01") == "19500.00"
    assert value(told, *september, "--as-of", "4") == "19500.00"
    assert value(told, *september, "--as-of", "2026-08") == "0.00"


def test_the_answer_is_that_of_the_contract(told: Run) -> None:
    answer = told("kpi", "win_rate", "--by", "rep", "--where", "rep=ana", "--json").json

    assert answer["kpi"] == "win_rate"
    assert answer["question"] == {
        "by": ["rep_id"],
        "where": {"rep_id": ["ana"]},
        "grain": "total",
        "org": "event",
        "fx": "day",
    }
    assert answer["cut"] == {"position": 5, "recorded": "2026-10-08T09:00:00Z"}
    assert answer["rows"] == [{"period": "total", "rep_id": "ana", "value": 1.0, "parts": {"won": 1, "lost": 0}}]


def test_a_table_for_people(told: Run) -> None:
    assert told("kpi", "bookings", "--by", "region", "--as-of", "4").out.splitlines()[:7] == [
        "bookings · CNY · as of 4",
        "",
        "region    bookings",
        "──────────────────",
        "华东     11,500.00",
        "华南      8,000.00",
        "",
    ]
    assert "As known at position 4, recorded 2026-09-30T10:00:00Z." in told("kpi", "bookings", "--as-of", "4").out


def test_every_answer_says_whether_the_laws_hold(told: Run, folder: Path) -> None:
    asked = [("kpi", "bookings"), ("explain", "bookings"), ("changes", "bookings", "--known-from", "2")]
    hold = {"hold": True, "position": 5, "broken": []}
    for question in asked:
        assert told(*question, "--json").json["laws"] == hold
        assert told(*question).out.endswith("\nThe laws of the ledger hold.\n")
    with Workspace(Settings(data=folder)) as workspace:
        workspace.store._command("ALTER TABLE postings DELETE WHERE measure = 'won' SETTINGS mutations_sync = 2", {})
    for question in asked:
        broken = told(*question, "--json").json["laws"]
        assert not broken["hold"]
        assert "lines_are_all_there" in broken["broken"]
    assert "do not hold (" in told("kpi", "bookings").out.splitlines()[-1]
    assert "账目恒等式不成立" in told("--lang", "zh", "kpi", "bookings").out.splitlines()[-1]


def test_before_the_first_event_nothing_was_known(told: Run) -> None:
    for verb in ("kpi", "explain"):
        for as_of in ("0", "2026-08-01"):
            assert "\nNothing was known then.\n" in told(verb, "bookings", "--as-of", as_of).out
    assert "当时尚无任何所知。" in told("kpi", "bookings", "--as-of", "0", "--lang", "zh").out


def test_a_duration_behind_minutes_is_shown_in_minutes(run: Run) -> None:
    lead = event("lead.created", "1", "2026-09-01T09:00:00Z", "2026-09-01T09:00:00Z", lead_id="L-1")
    call = event(
        "touchpoint.logged", "2", "2026-09-01T09:45:00Z", "2026-09-01T10:00:00Z", rep_id="r", kind="call", lead_id="L-1"
    )
    run("ingest", "-", stdin=lines(lead, call))
    table = run("kpi", "speed_to_lead", "--from", "2026-09", "--to", "2026-10").out
    assert table.splitlines()[4].split() == ["45.00", "minutes", "45.0", "minutes", "1"]
    assert "45.0 minutes" in run("explain", "speed_to_lead", "--from", "2026-09", "--to", "2026-10").out.split("(1)")[1]


def test_a_table_in_chinese(told: Run) -> None:
    out = told("kpi", "bookings", "--grain", "month", "--lang", "zh").out

    assert out.startswith("成交额 bookings · CNY\n\n期间                   成交额\n")
    assert "2026-09   11,500.00（1.15万）\n" in out
    assert "赢单金额之和，计入赢单之时。" in out


def test_csv_is_plain_and_computes_nothing(told: Run) -> None:
    evil = event("deal.won", "7", "2026-09-02T09:00:00Z", deal_id="D-7", amount="1.00", region="=HYPERLINK(1)")
    told("ingest", "-", stdin=lines(evil))
    ran = told(
        "kpi",
        "win_rate",
        "--by",
        "region",
        "--where",
        "region=华东",
        "--where",
        "region==HYPERLINK(1)",
        "--grain",
        "month",
        "--from",
        "2026-08",
        "--to",
        "2026-10",
        "--csv",
    )

    assert list(csv.reader(io.StringIO(ran.out))) == [
        ["period", "region", "value", "won", "lost", "reason"],
        ["2026-08", "'=HYPERLINK(1)", "", "0", "0", "zero_denominator"],
        ["2026-08", "华东", "", "0", "0", "zero_denominator"],
        ["2026-09", "'=HYPERLINK(1)", "1.0", "1", "0", ""],
        ["2026-09", "华东", "1.0", "1", "0", ""],
    ]


def test_an_empty_folder_has_zeros_and_nulls_with_reasons(run: Run, folder: Path) -> None:
    for kpi in ("bookings", "open_deals", "clv", "sales_cycle_days/median", "nps", "touchpoints_per_rep_day"):
        answer = run("kpi", kpi, "--json").json
        (row,) = answer["rows"]
        assert row["value"] in (0, "0.00") or row["reason"] in ("zero_denominator", "no_data"), kpi
        assert answer["cut"] == {"position": 0, "recorded": None}

    out = run("kpi", "win_rate").out
    assert "nothing to divide by" in out
    assert f"Nothing was told to tenant default of {folder} yet: tell it by salestream ingest" in out
    assert "Nothing was told to tenant acme of" in run("kpi", "win_rate", "--tenant", "acme").out


def test_reasons_are_in_words(told: Run) -> None:
    assert "no exchange rate CNY/USD in force" in told("kpi", "bookings", "--currency", "USD").out
    assert "没有生效的汇率 CNY/USD" in told("kpi", "bookings", "--currency", "USD", "--lang", "zh").out


def test_a_receipt_lists_what_counts_and_what_does_not(told: Run) -> None:
    receipt = told("explain", "bookings", "--from", "2026-09", "--json").json

    assert receipt["cell"]["value"] == "11500.00"
    assert [(each["position"], each["contribution"]) for each in receipt["events"] if each["role"] == "counted"] == [
        (2, {"bookings": "11500.00"})
    ]
    assert told("explain", "bookings").code == 0
    out = told("explain", "bookings", "--from", "2026-09").out
    assert "Counted (1)\n" in out
    assert "Of the same histories, adding nothing (1)\n" in out


def test_a_large_receipt_comes_in_pages_and_says_how_to_go_on(told: Run) -> None:
    asked = ("explain", "bookings", "--from", "2026-09", "--page-size", "1")
    first = told(*asked).out
    assert "Counted (1)\n" in first
    assert "Of the same histories" not in first
    page = told(*asked, "--json").json
    position, after = str(page["cut"]["position"]), page["next"]
    assert f"A page of 1 events; the next one: the same with --as-of {position} --after {after}\n" in first
    second = told(*asked, "--as-of", position, "--after", after)
    assert "Counted (1)\n" in second.out
    assert "Of the same histories, adding nothing (1)\n" in second.out
    refused = told(*asked, "--after", "tomorrow")
    assert refused.code == 2
    assert "after 'tomorrow' is no page; allowed: what the page before says in next" in refused.err
    assert told(*asked[:-1], "0").code == 2


def test_a_voided_event_is_left_out_with_the_reason(told: Run) -> None:
    out = told("explain", "bookings", "--as-of", "4").out

    assert "Counted (2)\n" in out


def test_a_history_on_both_clocks(told: Run) -> None:
    found = told("history", "deal", "D-2", "--json").json
    (won,) = (each for each in found["events"] if each["type"] == "deal.won")

    assert won | {"position": 3, "time": "2026-09-30T09:00:00Z", "voided": True} == won
    assert [
        (each["position"], each["measure"], each.get("count")) for each in found["postings"] if each["measure"] == "won"
    ] == [
        (3, "won", 1),
        (5, "won", -1),
    ]
    assert "voided" in told("history", "deal", "D-2").out
    assert "Nothing is known of it." in told("history", "deal", "D-99").out


def test_data_of_others_does_not_talk_to_the_terminal(run: Run) -> None:
    nasty = json.loads(SEPTEMBER.splitlines()[0]) | {"id": "8"}
    nasty["data"] |= {"deal_id": "D-8", "attributes": {"note": "[bold]x[/bold]"}}
    run("ingest", "-", stdin=lines(nasty))

    assert "[bold]x[/bold]" in run("kpi", "deals_created", "--by", "attributes.note").out


def test_a_session_speaks_the_language_of_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESTREAM_LANG", "zh")

    assert Session().t("voided") == "已作废"


def test_people_read_moments_by_their_own_clocks(run: Run) -> None:
    zoned = event("calendar.defined", "calendar", "2026-01-01T00:00:00Z", timezone="Asia/Shanghai")
    won = event("deal.won", "late", "2026-09-30T17:00:00Z", deal_id="D-9", amount="1.00")
    run("ingest", "-", stdin=lines(zoned, won) + b"{}\n")

    assert "2026-10-01T01:00:00+08:00   deal.won" in run("explain", "bookings", "--from", "2026-10-01").out
    assert "2026-10-01T01:00:00+08:00" in run("history", "deal", "D-9").out
    for verb in (["status"], ["dead-letters", "list"], ["dead-letters", "show", "1"]):
        assert "+08:00" in run(*verb).out, verb
        assert "+08:00" not in run(*verb, "--json").out, verb
    run("keys", "create")
    for verb in (["trail"], ["keys", "list"]):
        assert "+08:00" in run(*verb).out, verb
        assert "+08:00" not in run(*verb, "--json").out, verb
    assert "2026-09-30T17:00:00Z" in [told["time"] for told in run("explain", "bookings", "--json").json["events"]]
