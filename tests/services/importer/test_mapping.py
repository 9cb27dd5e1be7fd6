"""The mapping language: what is wrong is told with the file, the key and what is allowed; the manual is true."""

import re
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import BaseModel

from services.importer.library import load, mapping_for, systems
from services.importer.mapping import Beside, Event, Format, Join, Mapping, MappingError, Step, Value

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples/mappings").glob("*.yaml"))


def rows(event: str, more: str = 'key: "{id}"') -> str:
    """A mapping with one event in it."""
    return f"source: x\nrows:\n  {more}\n  events:\n" + "\n".join(f"    {line}" for line in event.strip().splitlines())


def won(amount: str) -> str:
    """A mapping with this amount in it."""
    return rows(f'- type: deal.won\n  time: "{{t}}"\n  data: {{deal_id: "{{id}}", amount: {amount}}}')


WON = '- type: deal.won\n  time: "{t}"\n  data: {deal_id: "{id}", amount: "{a}"}'

BAD = [
    ("", "the mapping is no mapping of keys; allowed: source, about, currency, timezone, format, once, beside, rows"),
    ("- a", "the mapping is no mapping of keys; allowed: source, "),
    ("source: x", "the mapping lacks the key 'rows'; allowed: source, "),
    ("source: [", "line 1 is not YAML ("),
    ("source: x\nsource: y", "line 2 is not YAML (the key 'source' stands twice); allowed: a mapping in YAML"),
    ("source: !!python/object/apply:os.system [ls]\nrows: 1", "line 1 is not YAML (could not determine a constructor"),
    ("source: x\nrows: 1", "rows is no mapping of keys; allowed: columns, "),
    ("source: x\nsauce: y\nrows: 1", "the mapping has the unknown key 'sauce'; allowed: source, "),
    ("source: ' '\nrows: 1", "source is no name; allowed: 1-200 visible characters"),
    ("source: x\ncurrency: EURO\nrows: 1", "currency is no currency; allowed: an ISO 4217 code such as CNY or USD"),
    ("source: x\ntimezone: Peking\nrows: 1", "timezone is no time zone; allowed: a name such as Asia/Shanghai or UTC"),
    ("source: x\nformat: {delimiter: x}\nrows: 1", "format.delimiter is not known; allowed: ',', ';', "),
    ("source: x\nformat: {encoding: latin-1}\nrows: 1", "format.encoding[1] is not known; allowed: 'utf-8', "),
    (
        "source: x\nformat: {thousands: .}\nrows: 1",
        "format has one sign for point and thousands; allowed: two different",
    ),
    (
        "source: x\nformat: {dates: '%d.%m'}\nrows: 1",
        "format.dates lacks the year, the month or the day; allowed: a form",
    ),
    (
        "source: x\nformat: {dates: '%Y-%m-%d %Z'}\nrows: 1",
        "format.dates is no form of a date; allowed: a form such as",
    ),
    (rows(WON, more="about: x"), "rows has the unknown key 'about'; allowed: columns, "),
    (rows(WON, more="join: {}"), "rows says by what a line is known twice, or not at all; allowed: key, or group_by"),
    (rows(WON, more='key: "{a}"\n  group_by: "{b}"'), "rows says by what a line is known twice, or not at all"),
    (rows(WON, more="key: a"), 'rows has a key without a column; allowed: a text with a column, such as "{Id}"'),
    ("source: x\nrows: {key: '{a}', events: []}", "rows.events is empty; allowed: one or more"),
    (rows(WON.replace("deal.won", "deal.wun")), "rows.events[1].type is no type of event; allowed: lead.created, "),
    (
        rows("- type: deal.won"),
        "rows.events[1] lacks the key 'time'; allowed: type, when, time, id, first_stands, data",
    ),
    (
        rows(WON.replace("amount", "amuont")),
        "rows.events[1].data has the field 'amuont', unknown in deal.won; allowed: deal_id, ",
    ),
    (
        rows(WON.replace(', amount: "{a}"', "")),
        "rows.events[1].data lacks amount, which deal.won needs; allowed: deal_id, ",
    ),
    (rows(WON.replace('"{t}"', "tomorrow")), "rows.events[1].time is no date; allowed: one written like 2026-11-30"),
    (rows(WON.replace('"{t}"', "{t}")), "rows.events[1].time is a brace that YAML takes for its own; allowed: quotes"),
    (
        rows(WON.replace('"{t}"', '{text: "{t}", zone: UTC}')),
        "rows.events[1].time has the unknown key 'zone'; allowed: ",
    ),
    (rows(WON + "\n" + WON), "rows tells deal.won more than once under one id; allowed: an id for each but one"),
    (rows(WON + "\n  when: {a: {is: 1}}"), "rows.events[1].when.a is no condition; allowed: a value, a list of values"),
    (
        rows(WON + "\n  when: {a: {present: maybe}}"),
        "rows.events[1].when.a.present is neither true nor false; allowed: ",
    ),
    (
        won("{id}"),
        'rows.events[1].data.amount is a brace that YAML takes for its own; allowed: quotes around it, "{id}"',
    ),
    (
        won('"{id"'),
        "rows.events[1].data.amount has a brace without its partner or without a column; allowed: text with",
    ),
    (won('"{}"'), "rows.events[1].data.amount has a brace without its partner or without a column"),
    (won("[]"), "rows.events[1].data.amount is empty; allowed: a text, or a list of such"),
    (won("[[a]]"), "rows.events[1].data.amount is no text; allowed: a text, or a list of such"),
    (
        won('{number: "{a} / 2"}'),
        "rows.events[1].data.amount.number cannot be read at '/ 2'; allowed: columns in braces",
    ),
    (won('{number: "os.system(1)"}'), "rows.events[1].data.amount.number cannot be read at 'os.system(1)'; allowed: "),
    (won('{sum: "{a}"}'), "rows sums lines that are not grouped; allowed: number instead of sum, or group_by"),
    (
        won("{map: {a: b}}"),
        "rows.events[1].data.amount says where it comes from more than once, or not at all; allowed: ",
    ),
    (won('{text: "{a}", number: "1"}'), "rows.events[1].data.amount says where it comes from more than once"),
    (
        won('{text: "{a}", round: event}'),
        "rows.events[1].data.amount has round beside text; allowed: round beside number",
    ),
    (
        won('{number: "{a}", round: up}'),
        "rows.events[1].data.amount.round is no way to round; allowed: event, line, carry",
    ),
    (
        won('{number: "{a}", round: line}'),
        "rows.events[1].data.amount rounds by line what is no sum; allowed: round: event",
    ),
    (won('{text: "{a}", other: b}'), "rows.events[1].data.amount has other without map; allowed: other beside map"),
    (
        won('{text: "{a}", format: x}'),
        "rows.events[1].data.amount.format is no form of a date; allowed: a form such as",
    ),
    (
        "source: x\nonce:\n  - type: rep.left\n    time: '2026-01-01'\n    data: {rep_id: '{a}'}\n" + rows(WON)[10:],
        "the mapping tells once what depends on a column; allowed: constants without when, or events under rows",
    ),
    (
        rows(WON, more='key: "{a}"\n  join: {p: {file: ../secret.csv, key: a, on: "{a}"}}'),
        "rows.join.p.file is no plain file name; allowed: the name of a file beside the main one, such as products.csv",
    ),
    (
        rows(WON, more='key: "{a}"\n  join: {p: {file: b.csv, key: a}}'),
        "rows.join.p lacks the key 'on'; allowed: file, ",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_bad_mapping_is_told_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(MappingError, match=f"^my.yaml: {re.escape(sentence)}") as raised:
        load("my.yaml", text.encode())
    assert "; allowed: " in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_mapping_in_another_encoding_is_told() -> None:
    with pytest.raises(MappingError, match=r"^my\.yaml: is not UTF-8; allowed: a mapping in YAML, in UTF-8$"):
        load("my.yaml", "source: x".encode("utf-16"))


def test_a_mapping_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"^the mapping .*mine\.yaml cannot be read: no such file or directory$"):
        mapping_for("mine", tmp_path / "mine.yaml")


def test_an_unknown_system_is_told_which_there_are() -> None:
    sentence = (
        "'dynamics' has no mapping that ships with Salestream; allowed: hubspot, jiandaoyun, pipedrive, salesforce, "
        "zoho, or a mapping of your own with --mapping FILE"
    )
    with pytest.raises(MappingError, match=f"^{re.escape(sentence)}$"):
        mapping_for("dynamics", None)
    with pytest.raises(MappingError, match="has no mapping"):
        mapping_for("../../secret", None)


@pytest.mark.parametrize("system", systems())
def test_every_mapping_that_ships_can_be_read(system: str) -> None:
    name, mapping = mapping_for(system, None)
    assert (name, mapping.source) == (f"{system}.yaml", system)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_can_be_read(path: Path) -> None:
    assert mapping_for("any", path)[0] == path.name


def test_yaml_leaves_text_alone() -> None:
    text = dedent("""
        source: 007
        rows:
          key: "{id}"
          events:
            - type: deal.lost
              when: {state: [NO, no, 1.10, 1, true, 2026-11-30]}
              time: 2026-11-30
              data: {deal_id: "{id}", reason: {text: "{why}", map: {1: price, off: gone}}}
    """)
    mapping = load("my.yaml", text.encode())
    (event,) = mapping.rows.events
    assert mapping.source == "007"
    assert event.when["state"].any_of == ("NO", "no", "1.10", "1", "true", "2026-11-30")
    assert event.time.text[0].text == "2026-11-30"
    assert event.data["reason"].map == {"1": "price", "off": "gone"}


def test_the_manual_shows_the_example_as_it_is() -> None:
    manual = (ROOT / "docs/mappings.md").read_text("utf-8")
    shown = re.search(r"```yaml\n(.*?)```", manual, re.DOTALL)
    assert shown is not None
    assert shown[1] == (ROOT / "examples/mappings/maven_crm.yaml").read_text("utf-8")


@pytest.mark.parametrize("part", [Mapping, Step, Beside, Join, Event, Format, Value], ids=lambda part: part.__name__)
def test_the_manual_names_every_key(part: type[BaseModel]) -> None:
    manual = (ROOT / "docs/mappings.md").read_text("utf-8")
    internal = {"constant", "fields"}
    missing = [key for key in part.model_fields if key not in internal and not re.search(rf"`[^`\n]*\b{key}\b", manual)]
    assert not missing, f"describe {', '.join(missing)} in docs/mappings.md"


def test_the_manual_names_every_system() -> None:
    manual = (ROOT / "docs/mappings.md").read_text("utf-8")
    assert [system for system in systems() if f"`{system}`" not in manual] == []
