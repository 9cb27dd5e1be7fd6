"""Several lines that are one event, and columns that come from other files."""

import pytest

from services.importer.mapping import MappingError
from tests.services.importer.office import Office, reasons

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


def test_a_key_that_stands_twice_beside_is_told(office: Office) -> None:
    beside = BESIDE | {"customers.csv": "number,name,country\n7,Acme,DE\n7,Acme,DE\n7,Apex,DE\n"}
    sentence = "customers.csv line 4 says otherwise than line 2 of the same number; allowed: one line for each"
    with pytest.raises(MappingError, match=f"^{sentence}$"):
        office.tell(ORDERS, LINES, beside=beside)


def test_a_column_that_is_missing_beside_is_told(office: Office) -> None:
    with pytest.raises(MappingError, match=r"^customers\.csv lacks the column country; it has: number, name$"):
        office.tell(ORDERS, LINES, beside=BESIDE | {"customers.csv": "number,name\n"})
