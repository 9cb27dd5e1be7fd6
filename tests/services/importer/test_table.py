"""CSV as it is found in the world: every oddity is either read rightly or told in one clear sentence."""

import re

import pytest

from services.importer.mapping import MappingError
from tests.services.importer.office import WON, Office, reasons

HEADER = "id,closed,amount\n"
LINE = "D-1,2026-03-01,90\n"


def with_format(format_: str) -> str:
    """The mapping, for files that are written so."""
    return WON.replace("rows:", f"format: {format_}\nrows:")


@pytest.mark.parametrize(
    ("mapping", "content"),
    [
        (WON, HEADER + LINE),
        (WON, HEADER + LINE.rstrip("\n")),
        (WON, (HEADER + LINE).replace("\n", "\r\n")),
        (WON, (HEADER + LINE).replace("\n", "\r")),
        (WON, b"\xef\xbb\xbf" + (HEADER + LINE).encode()),
        (with_format("{encoding: utf-8-sig}"), b"\xef\xbb\xbf" + (HEADER + LINE).encode()),
        (WON, "\n\n" + HEADER + "\n" + LINE + "\n\n"),
        (WON, '"id","closed","amount"\n"D-1","2026-03-01","90"\n'),
        (WON, "ID , Closed,AMOUNT\n D-1 , 2026-03-01 ,90 \n"),
        (WON, "note,amount,closed,id\nx,90,2026-03-01,D-1\n"),
        (WON, 'note,amount,closed,id\n"two\nlines, a comma and ""quotes""",90,2026-03-01,D-1\n'),
        (with_format("{delimiter: ;}"), (HEADER + LINE).replace(",", ";")),
        (with_format("{delimiter: tab}"), (HEADER + LINE).replace(",", "\t")),
        (WON.replace('"{id}"', '"{编号}"'), "编号,closed,amount\nD-1,2026-03-01,90\n"),
        (
            WON.replace('"{id}"', '"{编号}"').replace("rows:", "format: {encoding: [utf-8, gb18030]}\nrows:"),
            "编号,closed,amount\nD-1,2026-03-01,90\n".encode("gb18030"),
        ),
        (WON.replace("  key", "  columns: [id, closed, amount]\n  key"), LINE),
    ],
)
def test_the_same_line_in_many_forms_is_the_same_event(office: Office, mapping: str, content: str | bytes) -> None:
    report = office.tell(mapping, content)
    assert (report["accepted"], report["refused"]) == (1, [])
    (event,) = office.told()
    assert event["data"] == {"deal_id": "D-1", "amount": "90.00", "currency": "USD"}
    assert event["time"] == "2026-03-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "main.csv is empty; allowed: a file with a header line"),
        (b"\xef\xbb\xbf\r\n \n", "main.csv is empty; allowed: a file with a header line"),
        ("id,closed\nD-1,2026-03-01\n", "main.csv lacks the column amount; it has: id, closed"),
        ("id,x\n", "main.csv lacks the columns amount, closed; it has: id, x"),
        (
            "id;closed;amount\nD-1;2026-03-01;90\n",
            "main.csv lacks the columns amount, closed, id; it has: id;closed;amount; is the delimiter ';', not ','?",
        ),
        (
            "id,closed,amount,amount\n",
            "main.csv has the column amount twice; allowed: once; it has: id, closed, amount, amount",
        ),
        (
            HEADER.encode() + b"D-1,2026-03-01,90\nD-\xc0\xcf,2026-03-01,90\n",
            "main.csv is not in utf-8 (line 3); allowed: the file saved as UTF-8, or a mapping with "
            "format: {encoding: gb18030}",
        ),
        (
            (HEADER + LINE).encode("utf-16"),
            "main.csv is UTF-16 text; allowed: CSV or JSON lines in UTF-8, or an .xlsx workbook",
        ),
        (
            b"PK\x03\x04rest",
            "main.csv is an archive, and no Excel workbook; allowed: CSV or JSON lines in UTF-8, or an .xlsx workbook",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_sentence_and_nothing_of_it(
    office: Office, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(MappingError, match=f"^{re.escape(sentence)}$"):
        office.tell(WON, content)
    assert not office.told()
    assert not office.journal.letters("default")


def test_a_file_whose_end_cannot_be_decoded_tells_nothing_of_its_beginning(office: Office) -> None:
    content = (HEADER + LINE * 100_000).encode() + b"D-\xff\n"
    with pytest.raises(MappingError, match=r"not in utf-8 \(line 100002\)"):
        office.tell(WON, content)
    assert not office.told()


def test_a_wrong_encoding_names_all_that_were_tried(office: Office) -> None:
    with pytest.raises(MappingError, match=r"is not in utf-8 \(line 2\) nor in gb18030 \(line 2\)"):
        office.tell(with_format("{encoding: [utf-8, gb18030]}"), HEADER.encode() + b"\xff\xff,1,2\n")


def test_ragged_and_broken_lines_are_refused_with_their_number_and_the_others_go_on(office: Office) -> None:
    content = (
        HEADER
        + "D-1,2026-03-01,90\n"
        + "D-2,2026-03-01\n"
        + "D-3,2026-03-01,90,what\n"
        + '"D-4"x,2026-03-01,90\n'
        + '"D\n5",2026-03-01,90\n'
        + "D-6,2026-03-01,90\n"
    )
    report = office.tell(WON, content)
    assert reasons(report) == [
        (3, "line has 2 cells; allowed: 3, one for each column"),
        (4, "line has 4 cells; allowed: 3, one for each column"),
        (
            5,
            "line is not well-formed CSV (',' expected after '\"'); allowed: quotes that close, and are doubled inside",
        ),
        (
            6,
            "deal.won data.deal_id has a form or a character that is not allowed; "
            "allowed: 1-200 visible characters, no space at either end",
        ),
    ]
    assert [event["data"]["deal_id"] for event in office.told()] == ["D-1", "D-6"]
    assert report["accepted"] + len(report["refused"]) == 6


def test_a_quote_that_never_closes_swallows_no_more_than_it_says(office: Office) -> None:
    report = office.tell(WON, HEADER + LINE + '"D-2,2026-03-01,90\n' + LINE * 3)
    assert reasons(report) == [
        (
            3,
            "line is not well-formed CSV up to line 6 (unexpected end of data); "
            "allowed: quotes that close, and are doubled inside",
        )
    ]
    assert report["accepted"] == 1


def test_lines_are_counted_where_they_begin(office: Office) -> None:
    content = 'id,closed,amount,note\nD-1,2026-03-01,90,"a\nb\nc"\n\nD-2,2026-03-01,x,\n'
    assert [line for line, _ in reasons(office.tell(WON, content))] == [6]


def test_what_stands_for_nothing_is_nothing(office: Office) -> None:
    mapping = with_format("{empty: [NULL, n/a]}").replace('"{amount}"', '"{amount}", cost: "{cost}"')
    office.tell(mapping, "id,closed,amount,cost\nD-1,2026-03-01,90,NULL\nD-2,2026-03-01,90,n/a\nD-3,2026-03-01,90,7\n")
    assert [data.get("cost") for data in office.data()] == [None, None, "7.00"]


def test_a_header_alone_tells_nothing_and_is_fine(office: Office) -> None:
    assert office.tell(WON, HEADER) == {
        "accepted": 0, "duplicates": 0, "refused": [], "refused_count": 0, "position": 0,
    }  # fmt: skip


def test_a_name_with_another_case_is_taken_only_if_it_is_the_only_one(office: Office) -> None:
    with pytest.raises(MappingError, match="lacks the column id"):
        office.tell(WON, "ID,Id,closed,amount\n1,2,2026-03-01,90\n")
