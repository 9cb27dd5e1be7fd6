"""Telling events: files, pipes and archives; what is refused, and what becomes of it."""

import gzip
from pathlib import Path

from services.clock import now_ms
from services.settings import Settings
from services.workspace import Workspace
from tests.services.cli.conftest import SEPTEMBER, Run, event, lines

NOT_JSON = b"nonsense\n"
FLOAT = lines(event("order.placed", "6", "2026-09-30T10:00:00Z", order_id="O-1", amount=19.99))
ORDER = lines(event("order.placed", "6", "2026-09-30T10:00:00Z", order_id="O-1", amount="19.99"))


def test_ingest_says_what_became_of_each_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(SEPTEMBER + NOT_JSON + b"\n" + FLOAT + SEPTEMBER)
    ran = run("ingest", file, "--json")

    assert ran.code == 3
    assert {**ran.json, "refused": None} == {"accepted": 5, "duplicates": 5, "refused": None, "position": 5}
    assert [(each["line"], each["id"]) for each in ran.json["refused"]] == [(6, None), (8, "6")]
    assert "data.amount is a JSON float" in ran.json["refused"][1]["reason"]


def test_telling_again_counts_nothing_twice(told: Run) -> None:
    again = told("ingest", "-", "--json", stdin=SEPTEMBER)

    assert again.code == 0
    assert again.json == {"accepted": 0, "duplicates": 5, "refused": [], "position": 5}


def test_people_see_a_sentence_and_the_first_refusals(run: Run) -> None:
    ran = run("ingest", "-", stdin=SEPTEMBER + NOT_JSON * 12)

    assert ran.out.startswith("5 accepted, 0 duplicates, 12 refused; the journal stands at 5\n")
    assert ran.out.count("is not JSON") == 10
    assert ran.out.endswith("and 2 more; all of them: salestream dead-letters list\n")
    assert run("ingest", "-", "--lang", "zh", stdin=SEPTEMBER).out.startswith("接受 0 条，重复 5 条，拒绝 0 条")


def test_several_files_one_of_them_an_archive(run: Run, tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.jsonl", tmp_path / "packed.jsonl.gz"
    plain.write_bytes(SEPTEMBER)
    packed.write_bytes(gzip.compress(ORDER + NOT_JSON))
    ran = run("ingest", plain, packed, "--json")

    assert (ran.code, ran.json["accepted"], ran.json["position"]) == (3, 6, 6)
    assert [(each["file"], each["line"]) for each in ran.json["refused"]] == [(str(packed), 2)]


def test_what_was_read_before_an_archive_is_damaged_is_told(run: Run, tmp_path: Path) -> None:
    won = [event("deal.won", f"{n}", "2026-09-01T09:00:00Z", deal_id=f"D-{n}", amount="1.00") for n in range(3000)]
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(gzip.compress(lines(*won))[:-40])
    ran = run("ingest", torn)
    assert ran.code == 1
    assert "is a damaged gzip file" in ran.sentence
    assert "what was read before that was told" in ran.sentence
    found = run("status", "--json").json["tenants"][0]
    assert 0 < found["accepted"] < 3000
    assert found["told"] == found["accepted"] + found["refused"]
    assert run("kpi", "deals_won", "--json").json["rows"][0]["value"] == found["accepted"]


def test_a_conflict_is_refused_and_the_first_stands(told: Run) -> None:
    other = lines(event("deal.won", "2", "2026-09-21T09:00:00Z", deal_id="D-1", amount="99999.00"))
    ran = told("ingest", "-", "--json", stdin=other)

    assert ran.code == 3
    assert "was told before with other content, at position 2, which stands" in ran.json["refused"][0]["reason"]
    assert told("kpi", "bookings", "--json").json["rows"][0]["value"] == "11500.00"


def test_nothing_told_is_fine(run: Run) -> None:
    assert run("ingest", "-", "--json").json == {"accepted": 0, "duplicates": 0, "refused": [], "position": 0}


def test_what_is_no_text_is_refused_as_a_whole(run: Run, tmp_path: Path) -> None:
    picture, archive = tmp_path / "logo.png", tmp_path / "cut.gz"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    archive.write_bytes(gzip.compress(SEPTEMBER * 100)[:-20])

    assert (run("ingest", picture).code, run("ingest", archive).code) == (2, 1)
    assert f"{picture} is no text in UTF-8" in run("ingest", picture).sentence
    assert f"{archive} is a damaged gzip file" in run("ingest", archive).sentence


def test_what_is_nested_too_deeply_is_a_dead_letter_among_others(run: Run) -> None:
    fine = lines(event("deal.won", "1", "2026-09-01T09:00:00Z", deal_id="D-1", amount="1.00"))
    deep = [b"[" * 20_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000]
    told = run("ingest", "-", "--json", stdin=b"\n".join([*deep, fine])).json
    assert (told["accepted"], [each["line"] for each in told["refused"]]) == (1, [1, 2])
    assert all("nested too deeply" in each["reason"] for each in told["refused"])
    shown = run("dead-letters", "show", "1", "--json")
    assert (shown.code, shown.json["number"]) == (0, 1)
    assert run("dead-letters", "retry", "all").code in (0, 3)
    assert run("verify").code == 0


def test_a_tenant_that_was_named_owns_the_door(run: Run) -> None:
    foreign = lines(event("order.placed", "7", "2026-09-30T10:00:00Z", order_id="O-2", amount="1.00") | {"tenant": "b"})

    assert run("ingest", "-", "--tenant", "a", "--json", stdin=ORDER + foreign).json["accepted"] == 1
    assert run("ingest", "-", "--json", stdin=foreign).json["accepted"] == 1
    assert [run("kpi", "revenue", "--json", "--tenant", who).json["rows"][0]["value"] for who in ("a", "b", "c")] == [
        "19.99",
        "1.00",
        "0.00",
    ]


def test_a_dead_letter_is_shown_and_discarded(run: Run) -> None:
    run("ingest", "-", stdin=FLOAT + NOT_JSON)
    listed = run("dead-letters", "list", "--json").json

    assert [(each["number"], each["origin"], each["id"]) for each in listed["refused"]] == [
        (1, "-:1", "6"),
        (2, "-:2", None),
    ]
    assert run("dead-letters", "show", "2", "--json").json["told"] == "nonsense"
    assert "data.amount is a JSON float" in run("dead-letters", "list").out
    assert "nonsense" in run("dead-letters", "show", "2").out
    assert run("dead-letters", "discard", "2", "--json").json == {"discarded": 1}
    assert len(run("dead-letters", "list", "--json").json["refused"]) == 1
    assert "dead letter 2 was discarded already" in run("dead-letters", "discard", "2").sentence
    assert run("dead-letters", "discard", "all").code == 0
    assert run("dead-letters", "list").out == "There are no dead letters.\n"


def test_a_retry_tells_again_only_what_is_taken_now(run: Run, folder: Path) -> None:
    far = lines(event("order.placed", "8", "2199-01-01T00:00:00Z", order_id="O-3", amount="5.00"))
    run("ingest", "-", stdin=FLOAT + far)
    ran = run("dead-letters", "retry", "all", "--json")

    assert ran.code == 3
    assert (ran.json["retried"], [each["number"] for each in ran.json["refused"]]) == (0, [1, 2])
    assert run("status", "--json").json["tenants"][0]["told"] == 2

    refuse(folder, ORDER)
    ran = run("dead-letters", "retry", "3", "--json")

    assert (ran.code, ran.json) == (0, {"retried": 1, "refused": [], "posted": 0, "parked": 0})
    assert run("kpi", "revenue", "--json").json["rows"][0]["value"] == "19.99"
    assert [each["number"] for each in run("dead-letters", "list", "--json").json["refused"]] == [1, 2]


def refuse(folder: Path, body: bytes) -> None:
    """Have an earlier version refuse something that this one takes."""
    from services.journal.port import Refused

    with Workspace(Settings(data=folder)) as workspace:
        refused = Refused(
            tenant="default", reason="is not known to this version", body=body.strip(), id="6", source="/crm"
        )
        workspace.journal.append([], [refused], now_ms=now_ms())


def park(folder: Path) -> None:
    """Have a newer version write an event that this one cannot post."""
    from events.envelope import Told
    from events.samples import sample
    from events.vocabulary import BY_TYPE

    with Workspace(Settings(data=folder)) as workspace:
        told = Told(
            tenant="default", source="/crm", id="9", type="deal.teleported", at_ms=now_ms(), subject="D-1",
            digest=b"9", body=b"{}", data=sample(BY_TYPE["deal.lost"]),
        )  # fmt: skip
        workspace.journal.append([told], now_ms=now_ms())


def test_a_parked_event_is_shown_and_tried_again(told: Run, folder: Path) -> None:
    park(folder)
    listed = told("dead-letters", "list", "--json").json

    assert [(each["position"], each["type"]) for each in listed["parked"]] == [(6, "deal.teleported")]
    assert "type deal.teleported at position 6 is not known" in told("dead-letters", "list").out
    assert told("dead-letters", "show", "p6", "--json").json["id"] == "9"
    assert told("dead-letters", "retry", "p6", "--json").json == {"retried": 0, "refused": [], "posted": 0, "parked": 1}
    assert told("dead-letters", "retry", "all").code == 3
    assert "a parked event is in the journal" in told("dead-letters", "discard", "p6").sentence
    assert told("kpi", "bookings", "--json").json["rows"][0]["value"] == "11500.00"
    assert told("status", "--json").json["tenants"][0]["parked"] == 1


def test_reasons_are_told_in_chinese(run: Run) -> None:
    told = event("deal.won", "1", "2026-09-30T17:00:00Z", deal_id="D-9", amount=1.5)
    reason = 'data.amount 为 JSON 浮点数，会丢失数位；允许：十进制字符串（如 "12000.50"）或整数'

    assert reason in run("ingest", "-", "--lang", "zh", stdin=lines(told)).out
    for verb in ("list", "retry all", "show 1"):
        assert reason in run("--lang", "zh", "dead-letters", *verb.split()).out, verb
    assert (
        run("--lang", "zh", "dead-letters", "list", "--json").json["refused"][0]["reason"].startswith("data.amount is")
    )
