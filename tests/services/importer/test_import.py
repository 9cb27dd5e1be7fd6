"""Lines become events: wholly or not at all, the same ones whenever they are told."""

import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from services.importer.mapping import MappingError
from services.importer.run import import_files
from tests.services.importer.office import WON, Office, reasons

DEALS = """\
source: test
currency: USD
rows:
  key: "{id}"
  events:
    - type: deal.created
      time: "{opened}"
      data: {deal_id: "{id}", stage: new, rep_id: ["{owner}", "{team}", nobody]}
    - type: deal.won
      when: {state: won}
      time: "{closed}"
      data: {deal_id: "{id}", amount: "{amount}"}
    - type: deal.lost
      when: {state: {not: [won, open]}, closed: {present: true}}
      time: "{closed}"
      data:
        deal_id: "{id}"
        reason: {text: "{state}", map: {too dear: price}, other: "lost: {state}"}
"""
HEADER = "id,opened,closed,state,amount,owner,team\n"


def test_a_line_tells_the_events_whose_conditions_hold(office: Office) -> None:
    content = (
        HEADER
        + "D-1,2026-01-01,2026-02-01,won,90,li,\n"
        + "D-2,2026-01-02,2026-02-02,too dear,,,north\n"
        + "D-3,2026-01-03,,open,,,\n"
        + "D-4,2026-01-04,2026-02-04,odd,,wu,\n"
    )
    report = office.tell(DEALS, content)
    assert (report["accepted"], report["duplicates"], report["refused"], report["position"]) == (7, 0, [], 7)
    assert [(event["type"], event["data"].get("rep_id"), event["data"].get("reason")) for event in office.told()] == [
        ("deal.created", "li", None), ("deal.won", None, None),
        ("deal.created", "north", None), ("deal.lost", None, "price"),
        ("deal.created", "nobody", None),
        ("deal.created", "wu", None), ("deal.lost", None, "lost: odd"),
    ]  # fmt: skip


def test_told_again_nothing_counts_twice(office: Office) -> None:
    content = HEADER + "D-1,2026-01-01,2026-02-01,won,90,li,\n"
    first = office.tell(DEALS, content, name="january.csv")
    again = office.tell(DEALS, content.replace(",li,", ", li ,"), name="february.csv")
    assert (first["accepted"], again["accepted"], again["duplicates"], again["position"]) == (2, 0, 2, 2)


def test_ids_come_from_source_key_and_type_alone(office: Office) -> None:
    office.tell(DEALS, HEADER + "D-1,2026-01-01,2026-02-01,won,90,li,\nD-2,2026-01-01,,open,,,\n")
    ids = [event["id"] for event in office.told()]
    assert len(set(ids)) == 3
    assert ids == [
        "deal.created-faef30a873244822ecd61d02",
        "deal.won-88a7ded9775470f01c6bd355",
        "deal.created-8ec2d4e82b991e94d5413dd5",
    ]


def test_a_line_that_says_otherwise_is_a_conflict_and_the_first_stands(office: Office) -> None:
    office.tell(DEALS, HEADER + "D-1,2026-01-01,2026-02-01,won,90,li,\n")
    report = office.tell(DEALS, HEADER + "D-1,2026-01-01,2026-02-01,won,95,li,\n")
    ((line, reason),) = reasons(report)
    assert (report["duplicates"], line) == (1, 2)
    assert reason.endswith(
        "was told before with other content, at position 2, which stands; allowed: a new id, or the same content"
    )
    assert [data.get("amount") for data in office.data()] == [None, "90.00"]


def test_what_never_changes_stands_without_a_word(office: Office) -> None:
    mapping = DEALS.replace("type: deal.created", "type: deal.created\n      first_stands: true")
    office.tell(mapping, HEADER + "D-1,2026-01-01,,open,,li,\n")
    report = office.tell(mapping, HEADER + "D-1,2026-01-01,2026-02-01,won,90,wu,\n")
    assert (report["accepted"], report["duplicates"], report["refused"]) == (1, 1, [])
    assert [data.get("rep_id") for data in office.data()] == ["li", None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "D-1,yesterday,2026-02-01,won,90,li,",
            "opened is no date; allowed: one written like 2026-11-30 or 2026-11-30 09:30:00",
        ),
        ("D-1,2026-02-30,2026-02-01,won,90,li,", "opened is no date; allowed: one written like 2026-11-30"),
        ("D-1,2026-01-01,,won,90,li,", "closed is empty; allowed: a date, for the time of deal.won"),
        (",2026-01-01,2026-02-01,won,90,li,", "id is empty; allowed: what the line is known by"),
        ("D-1,2026-01-01,2026-02-01,won,-90,li,", "deal.won data.amount is negative; allowed: a decimal string"),
        (
            "D-1,2026-01-01,2026-02-01,won,90.001,li,",
            "deal.won data.amount has more decimals than USD has; allowed: at most 2",
        ),
        ("D-1,2026-01-01,2026-02-01,won,ninety,li,", "deal.won data.amount is not a plain decimal"),
        ("D-1,2026-01-01,2026-02-01,won,,li,", "deal.won data.amount is missing; allowed: a decimal string"),
        (
            "D-1,2999-01-01,2026-02-01,won,90,li,",
            "deal.created time lies more than 24 h in the future; allowed: up to 2",
        ),
    ],
)
def test_a_wrong_value_refuses_the_whole_line_and_no_other(office: Office, line: str, reason: str) -> None:
    good = "D-{},2026-01-01,2026-02-01,won,90,li,\n"
    report = office.tell(DEALS, HEADER + good.format(8) + line + "\n" + good.format(9))
    ((number, told),) = reasons(report)
    assert (number, told[: len(reason)], report["accepted"]) == (3, reason, 4)
    assert "; allowed: " in told
    assert {data["deal_id"] for data in office.data()} == {"D-8", "D-9"}
    (letter,) = office.journal.letters("default")
    assert (letter.origin, letter.reason) == ("main.csv:3", told)
    tally = office.journal.tally("default")
    assert tally.told == tally.accepted + tally.duplicates + tally.refused == 5


def test_what_a_cell_holds_is_not_repeated_in_a_reason(office: Office) -> None:
    report = office.tell(DEALS, HEADER + "D-1,Li Na 1990,2026-02-01,won,90,li,\n")
    assert "Li Na" not in report["refused"][0]["reason"]


@pytest.mark.parametrize(("currency", "amount"), [("USD", "0.34"), ("JPY", "0"), ("KWD", "0.335")])
def test_amounts_are_rounded_to_the_minor_unit_of_their_own_currency(
    office: Office, currency: str, amount: str
) -> None:
    mapping = WON.replace('amount: "{amount}"', 'amount: {number: "{amount}", round: event}, currency: "{currency}"')
    office.tell(mapping, f"id,closed,amount,currency\nD-1,2026-03-01,0.3351,{currency}\n")
    assert office.data()[0]["amount"] == amount


def test_times_are_those_of_their_zone(office: Office) -> None:
    mapping = WON.replace("rows:", 'timezone: Asia/Shanghai\nformat: {dates: ["%d.%m.%Y %H:%M", "%d.%m.%Y"]}\nrows:')
    office.tell(mapping, "id,closed,amount\nD-1,01.03.2026,1\nD-2,01.03.2026 09:30,1\n")
    assert [event["time"] for event in office.told()] == ["2026-03-01T00:00:00+08:00", "2026-03-01T09:30:00+08:00"]
    report = office.tell(mapping, "id,closed,amount\nD-3,2026-03-01,1\n")
    assert reasons(report) == [(2, "closed is no date; allowed: one written like 30.11.2026 09:30 or 30.11.2026")]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00+00:00"),
        ("2026-03-01T09:30:00.250+08:00", "2026-03-01T09:30:00.250000+08:00"),
        ("2026-03-01 09:30", "2026-03-01T09:30:00+01:00"),
        ("2026-07-01 09:30:15", "2026-07-01T09:30:15+02:00"),
    ],
)
def test_an_offset_wins_over_the_zone(office: Office, text: str, time: str) -> None:
    office.tell(WON.replace("rows:", "timezone: Europe/Berlin\nrows:"), f"id,closed,amount\nD-1,{text},1\n")
    assert office.told()[0]["time"] == time


def test_a_day_is_that_of_the_zone(office: Office) -> None:
    mapping = """
        source: test
        timezone: Asia/Shanghai
        rows:
          key: "{id}"
          events:
            - type: deal.updated
              time: "2026-03-01"
              data: {deal_id: "{id}", expected_close: {date: ["{close}", "2026-12-31"]}}
    """
    office.tell(mapping, "id,close\n1,2026-03-01\n2,2026-03-01T20:00:00Z\n3,\n")
    assert [data["expected_close"] for data in office.data()] == ["2026-03-01", "2026-03-02", "2026-12-31"]


def test_an_empty_currency_is_that_of_the_mapping(office: Office) -> None:
    mapping = WON.replace('amount: "{amount}"', 'amount: "{amount}", currency: "{currency}"')
    office.tell(mapping, "id,closed,amount,currency\nD-1,2026-03-01,1,\nD-2,2026-03-01,1,EUR\n")
    assert [data["currency"] for data in office.data()] == ["USD", "EUR"]


def test_typed_fields_are_told_as_json_has_them(office: Office) -> None:
    mapping = """
        source: test
        rows:
          key: "{id}"
          events:
            - type: touchpoint.logged
              time: "{at}"
              data:
                rep_id: "{rep}"
                kind: call
                duration_s: {number: "{minutes} * 60"}
                automated: "{robot}"
                attributes: {line: "{line}", office: Bonn}
    """
    lines = "id,at,rep,minutes,robot,line\n1,2026-03-01,li,2.5,Yes,7\n2,2026-03-01,li,,0,\n3,2026-03-01,li,0.01,0,\n"
    report = office.tell(mapping, lines + "4,2026-03-01,li,1,maybe,\n")
    assert [{**data, "attributes": dict(data["attributes"])} for data in office.data()] == [
        {"rep_id": "li", "kind": "call", "direction": "outbound", "duration_s": 150, "automated": True,
         "attributes": {"line": "7", "office": "Bonn"}},
        {"rep_id": "li", "kind": "call", "direction": "outbound", "automated": False, "attributes": {"office": "Bonn"}},
    ]  # fmt: skip
    assert reasons(report) == [
        (4, "duration_s is no whole number; allowed: digits"),
        (5, "automated is neither true nor false; allowed: true, yes, 1, false, no, 0"),
    ]


def test_an_unknown_value_is_refused_unless_the_mapping_has_a_word_for_it(office: Office) -> None:
    mapping = WON.replace('amount: "{amount}"', 'amount: "1", region: {text: "{r}", map: {N: North, S: South}}')
    report = office.tell(mapping, "id,closed,r\nD-1,2026-03-01,N\nD-2,2026-03-01,\nD-3,2026-03-01,E\n")
    assert reasons(report) == [(4, "region is a value that the mapping does not know; allowed: N, S")]
    assert [data.get("region") for data in office.data()] == ["North", None]


PEOPLE = """\
source: test
once:
  - type: calendar.defined
    time: "2020-01-01"
    data: {currency: JPY, holidays: ["2026-01-01"]}
beside:
  - file: people.csv
    key: "{name}"
    events:
      - type: rep.assigned
        time: "2020-01-01"
        data: {rep_id: "{name}", team_id: "{team}"}
rows:
  key: "{id}"
  events:
    - type: deal.won
      time: "{closed}"
      data: {deal_id: "{id}", amount: {number: "{amount}", round: event}}
"""


def test_once_comes_first_then_the_files_beside_then_the_lines(office: Office) -> None:
    content = "id,closed,amount\nD-1,2026-03-01,90.6\n"
    report = office.tell(PEOPLE, content, beside={"people.csv": "name,team\nli,north\nwu,\n"})
    assert [event["type"] for event in office.told()] == [
        "calendar.defined",
        "rep.assigned",
        "rep.assigned",
        "deal.won",
    ]
    # The calendar that is told once names the currency to which the amounts after it are rounded.
    assert office.data()[-1] == {"deal_id": "D-1", "amount": "91", "currency": "JPY"}
    assert report["position"] == 4


def test_what_is_beside_several_files_is_told_once(office: Office) -> None:
    office.file("people.csv", "name,team\nli,north\n")
    plan = office.file("mapping.yaml", PEOPLE)
    files = [office.file(f"{month}.csv", f"id,closed,amount\n{month},2026-0{month}-01,1\n") for month in (1, 2)]
    report = import_files(office, "mine", files, plan)
    assert (report["accepted"], report["duplicates"]) == (4, 0)


def test_a_file_beside_may_be_named_too_and_lie_elsewhere(office: Office, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "people.csv").write_text("name,team\nli,north\n")
    plan = office.file("mapping.yaml", PEOPLE)
    main = office.file("main.csv", "id,closed,amount\nD-1,2026-03-01,1\n")
    with pytest.raises(
        MappingError, match=r"^people\.csv is not in the folder of main\.csv, and mapping\.yaml reads it; "
    ):
        import_files(office, "mine", [main], plan)
    assert not office.told()
    assert import_files(office, "mine", [main, elsewhere / "people.csv"], plan)["accepted"] == 3
    with pytest.raises(
        MappingError, match=r"^mapping\.yaml reads people\.csv beside a main file; allowed: that file, too$"
    ):
        import_files(office, "mine", [elsewhere / "people.csv"], plan)


def test_a_mapping_that_tells_no_event_once_is_refused_before_anything_is_told(office: Office) -> None:
    for wrong, sentence in (
        ("currency: JPY", "currency: YEN"),
        ('holidays: ["2026-01-01"]', "holidays: [new year]"),
    ):
        with pytest.raises(MappingError, match=r"^mapping\.yaml: once\[1\] data\..* allowed: "):
            office.tell(PEOPLE.replace(wrong, sentence), "id,closed,amount\n", beside={"people.csv": "name,team\n"})
    assert not office.told()


def test_a_dry_run_shows_what_would_be_told_and_writes_nothing(office: Office) -> None:
    content = HEADER + "D-1,2026-01-01,2026-02-01,won,90,li,\nD-2,2026-01-02,,open,,,\nD-3,x,,open,,,\n"
    report = office.tell(DEALS, content, dry_run=True)
    assert report["told"] == {"deal.created": 2, "deal.won": 1}
    assert [(each["file"], each["line"], each["event"]["type"]) for each in report["examples"]] == [
        ("main.csv", 2, "deal.created"), ("main.csv", 2, "deal.won"),
    ]  # fmt: skip
    assert [line for line, _ in reasons(report)] == [4]
    assert (report["accepted"], report["position"], office.told()) == (0, 0, [])
    assert office.journal.tally("default").told == 0
    assert not office.journal.letters("default")


def test_a_mapping_that_is_not_meant_for_a_file_stops(office: Office) -> None:
    lines = "".join(f"D-{n},01/02/2026,1\n" for n in range(1500))
    with pytest.raises(
        MappingError, match=r"^the first 1000 lines of main\.csv were all refused, .* line 1001: closed is no"
    ):
        office.tell(WON, "id,closed,amount\n" + lines)
    assert not office.journal.letters("default")
    report = office.tell(WON, "id,closed,amount\nD-x,2026-01-01,1\n" + lines)
    assert (report["accepted"], report["refused_count"], len(office.journal.letters("default"))) == (1, 1500, 1500)


def test_progress_adds_up_to_the_size_of_the_file_and_moves_on_the_way(office: Office) -> None:
    lines = "".join(f"D-{n},2026-01-01,2026-02-01,won,90,li,\n" for n in range(3000))
    for mapping in (DEALS, DEALS.replace("key:", "group_by:")):
        steps: list[int] = []
        office.tell(mapping, HEADER + lines, progress=steps.append)
        assert sum(steps) == len(HEADER + lines)
        assert len(steps) > 5


def test_a_large_file_takes_no_more_memory_than_a_small_one(office: Office) -> None:
    def peak(count: int) -> int:
        lines = "".join(f"D-{count}-{n},2026-01-01,2026-02-01,won,90,li,\n" for n in range(count))
        path = office.file(f"{count}.csv", HEADER + lines)
        plan = office.file("mapping.yaml", DEALS)
        del lines
        tracemalloc.start()
        report = import_files(office, "mine", [path], plan)
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert report["accepted"] == 2 * count
        return top

    peak(100)
    assert peak(4000) < 1.5 * peak(1000)


def test_events_of_one_line_are_told_in_one_piece(office: Office) -> None:
    """Batches end between lines, so nobody ever reads half of one."""
    lines = "".join(f"D-{n},2026-01-01,2026-02-01,won,90,li,\n" for n in range(2345))
    office.tell(DEALS, HEADER + lines)
    counts = Counter(event["data"]["deal_id"] for event in office.told())
    assert set(counts.values()) == {2}
