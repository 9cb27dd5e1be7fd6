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

ORDERS = """\
source: shop
currency: USD
rows:
  group_by: "{order}"
  join:
    customers: {file: customers.csv, key: number, on: "{customer}"}
    countries: {file: countries.csv, key: code, on: "{customers.country}", optional: true}
  rename: {countries.name: {Deutschland: Germany}}
  events:
    - type: order.placed
      time: "{day}"
      data:
        order_id: "{order}"
        customer_id: "{customers.name}"
        region: "{countries.name}"
        amount: {sum: "{price} * {count} * (1 - {off})", round: event}
        cost: {sum: ["{cost}", "{price} * 0.5"], round: line}
"""
LINES = "order,day,customer,price,count,off,cost\n"
BESIDE = {
    "customers.csv": "number,name,country\n7,Acme,DE\n8,Bolt,XX\n",
    "countries.csv": "code,name\nDE,Deutschland\n",
}


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


def test_lines_of_a_group_are_one_event(office: Office) -> None:
    lines = (
        LINES
        + "O-1,2026-01-01,7,0.335,1,0,\n"
        + "O-2,2026-01-02,8,10,1,0.5,1.005\n"
        + "O-1,2026-01-01,7,9.99,3,0.1,20\n"
    )
    report = office.tell(ORDERS, lines, beside=BESIDE)
    assert (report["accepted"], report["refused"]) == (2, [])
    assert office.data() == [
        # 0.335 + 26.973 = 27.308; costs 0.1675 and 20, rounded by line
        {
            "order_id": "O-1",
            "amount": "27.31",
            "customer_id": "Acme",
            "currency": "USD",
            "cost": "20.17",
            "region": "Germany",
        },
        {"order_id": "O-2", "amount": "5.00", "customer_id": "Bolt", "currency": "USD", "cost": "1.00"},
    ]


@pytest.mark.parametrize(
    ("second", "line", "reason"),
    [
        ("O-1,2026-01-02,7,1,1,0,", 2, "line 3: day is another than on line 2 of the same group; allowed: the same"),
        ("O-1,2026-01-01,8,1,1,0,", 2, "line 3: countries.name is another than on line 2 of the same group"),
        (
            "O-1,2026-01-01,7,,1,0,",
            2,
            "line 3: price, count, off has no number for amount; allowed: a number on every line",
        ),
        ("O-1,2026-01-01,7,x,1,0,", 2, "line 3: price is no number; allowed: one written like 12000.50"),
        (
            "O-1,2026-01-01,9,1,1,0,",
            2,
            "line 3: customer names no number in customers.csv; allowed: one that stands there",
        ),
        (",2026-01-01,7,1,1,0,", 3, "order is empty; allowed: what the line is known by"),
    ],
)
def test_a_wrong_line_refuses_its_group(office: Office, second: str, line: int, reason: str) -> None:
    lines = LINES + "O-1,2026-01-01,7,1,1,0,\n" + second + "\nO-2,2026-01-01,7,1,1,0,\n"
    report = office.tell(ORDERS, lines, beside=BESIDE)
    ((number, told),) = reasons(report)
    assert (number, told[: len(reason)]) == (line, reason)
    assert {"order_id": "O-2"}.items() <= office.data()[-1].items()


@pytest.mark.parametrize("wrong", ["O-1,2026-01-01", '"O-1,2026-01-01,7,1,1,0,'])
def test_a_line_whose_group_is_unknown_stops_the_file(office: Office, wrong: str) -> None:
    """It may belong to any of the orders, which would then be told with a wrong amount."""
    lines = LINES + "O-2,2026-01-01,7,1,1,0,\n" + wrong + "\n"
    with pytest.raises(
        MappingError, match=r"^main\.csv line 3 .*; its lines are grouped, and the group of this one is"
    ):
        office.tell(ORDERS, lines, beside=BESIDE)
    assert not office.told()


@pytest.mark.parametrize(
    ("rounding", "amounts"),
    [
        ("event", ["0.33", "0.33", "0.33"]),
        ("carry", ["0.33", "0.34", "0.33"]),
        ('{carry: "{customers.name}"}', ["0.33", "0.33", "0.34"]),
    ],
)
def test_what_is_cut_off_is_lost_or_carried_as_the_mapping_says(
    office: Office, rounding: str, amounts: list[str]
) -> None:
    mapping = ORDERS.replace("round: event", f"round: {rounding}")
    lines = "".join(f"O-{n},2026-01-01,{customer},0.3334,1,0,1\n" for n, customer in enumerate([7, 8, 7]))
    office.tell(mapping, LINES + lines.replace("0.3334", "0.3345"), beside=BESIDE)
    assert [data["amount"] for data in office.data()] == amounts


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


def test_a_key_that_stands_twice_beside_is_told(office: Office) -> None:
    beside = BESIDE | {"customers.csv": "number,name,country\n7,Acme,DE\n7,Acme,DE\n7,Apex,DE\n"}
    sentence = "customers.csv line 4 says otherwise than line 2 of the same number; allowed: one line for each"
    with pytest.raises(MappingError, match=f"^{sentence}$"):
        office.tell(ORDERS, LINES, beside=beside)


def test_a_column_that_is_missing_beside_is_told(office: Office) -> None:
    with pytest.raises(MappingError, match=r"^customers\.csv lacks the column country; it has: number, name$"):
        office.tell(ORDERS, LINES, beside=BESIDE | {"customers.csv": "number,name\n"})


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
