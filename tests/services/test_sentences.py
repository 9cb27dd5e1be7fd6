"""Whatever can go wrong is said in Chinese, too: every sentence of the code is known, and said whole."""

import ast
import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from events.codec import InvalidEvent, decode, parse
from projections import sources
from projections.sources import Source
from services.sentences import Catalogue, catalogue, entries, sentence
from services.words import in_chinese
from tests.sentences import ROOMS, ROOT, Sentence, sentences, template

FILES: Final = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
OTHER_PLACES: Final = (
    "events/page.py", "events/schema.py", "projections/compute.py", "projections/formula.py", "projections/kpis/",
    "projections/page.py", "projections/select.py", "projections/worked/", "services/client/", "services/docs.py",
    "services/gateway/asyncapi.py", "services/gateway/pages.py", "services/meanings.py", "services/notebook.py",
    "services/simulator/", "services/words",
)  # fmt: skip
"""Documents in English, libraries for programmers, and what has its own two languages."""
NOT_FOR_PEOPLE: Final = frozenset(
    {
        "AssertionError", "Field", "Kpi", "KeyRefused", "Law", "Part", "Route", "Source", "Stranger", "Thread",
        "_Question", "_attribute", "_first_by", "_flow", "_lasting", "_noted", "_parts", "_problem", "_represented",
        "_route", "answers", "argument", "command", "compile", "count_of", "debug", "error", "exception", "execute",
        "executemany", "frozenset", "group", "info", "lines", "option", "parameters", "partition", "query",
        "removeprefix", "rpartition", "say", "startswith", "t", "voiding", "warning", "Counter", "Gauge", "Histogram",
    }
)  # fmt: skip
"""What these get is no mistake that a person reads: logs, statements, documents, and words with tests of their own."""
NO_MISTAKES: Final = frozenset(
    {
        # values, samples and headings
        "entered by mistake", "Quick and friendly", "to date", "the mapping was corrected", "the record was deleted",
        'yyyy-mm-dd hh:mm:ss"Z"', "posted elsewhere", "a re-scoring of what happened, not a prediction", "of several",
        "{id} explained", "{id} ledger", "probabilities {pipeline}/{stage}", "probabilities {data}/{stage}",
        "rates {pair}", "rates {data}/{data_2}", "targets {data} {data_2} {scope} {data_3}", "{type} id",
        "{weeks} weeks", "{seconds} min", "parked {position}",
        # commands and statements
        "kpi revenue --by region --grain quarter", "explain deals_won --from {simulated_to}", "salestream {path}",
        "  salestream {question} --data {shlex}", "--from {from_}", "--to {to}", "--where {each}",
        "--expect-change {name}", "already initialized", "postings {rep_id}", "ledger {hex}", "{rows} from {live}",
        "salestream {database}{suffix} {tenant} ", "/events {name}",
        # parts of sentences, which stand in the catalogue whole
        " from {low}", " to {high}", " or ", " in {name}, {name_2}:{lineno}", "is {json_kind}",
        "is {json_kind}{digits}", "is {kind}; allowed: {allowed}", "{kind} of {record} {gap}",
    }
)  # fmt: skip
_ENGLISH: Final = re.compile(r"\b[a-z]+ [a-z]+\b")
_VERBATIM: Final = re.compile(
    r"`[^`]*`|⟪\w+⟫|\{[^}]*\}|salestream attest [a-z-]+|salestream rebuild|kind bars|scope company"
)
"""What stands as it is in both languages: commands, values, and what is filled in."""


def in_english(chinese: str | None) -> bool:
    """Whether English is left in it."""
    return chinese is None or _ENGLISH.search(_VERBATIM.sub("", chinese)) is not None


def filled(text: str) -> Iterator[str]:
    """A template as sentences in which something was filled in: something strange, and a number."""
    for each in ("⟪thing⟫", "12"):
        yield re.sub(r"\s+", " ", re.sub(r"\{([a-z_][a-z0-9_]*)\}", each, text))


def reaches_people(found: Sentence) -> bool:
    """Whether it says what is wrong, or a part of that."""
    text = found.text
    document = "\n" in text or re.match(r" ?(SELECT|WITH|INSERT|FROM)\b", text)
    openapi = found.place.startswith("services/gateway/") and text.endswith(".")
    return found.call not in NOT_FOR_PEOPLE and text not in NO_MISTAKES and not document and not openapi


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_sentence_is_known_in_chinese(file: Path) -> None:
    if str(file.relative_to(ROOT)).startswith(OTHER_PLACES):
        return
    missing = []
    for found in filter(reaches_people, sentences(file)):
        if in_chinese(found.text) != found.text:
            continue
        chinese = [catalogue().find(each) for each in filled(found.text)]
        if all(map(in_english, chinese)):
            missing.append((found.place, found.text, chinese))

    assert not missing, "add them to a file of services/zh, or say here why nobody reads them"


def test_sentences_are_found(tmp_path: Path) -> None:
    file = ROOT / "tests" / "services" / "test_sentences.py"
    source = """raise Problem(f"{path!r} is no file of {self.name}; name " + other, code(f"at {', '.join(a)} there"))"""

    found = [template(each) for each in ast.walk(ast.parse(source)) if template(each) is not None]

    assert found[0] == "'{path}' is no file of {name}; name {right}"
    assert "at {names} there" in found
    assert any(each.text == "a programmer reads this" for each in sentences(file))
    assert not any(each.text.startswith("Whatever can go wrong") for each in sentences(file)), "docstrings are not"


EXAMPLE: Final = "a programmer reads this"


def messages(module: str) -> Iterator[str]:
    """What click hands to its translation in one of its modules."""
    source = Path(click.__file__).with_name(module).read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
            yield from (str(each.value) for each in node.args if isinstance(each, ast.Constant))


@pytest.mark.parametrize("module", ["core.py", "exceptions.py", "parser.py", "types.py"])
def test_every_sentence_of_click_is_known_in_chinese(module: str) -> None:
    never = (
        "file",
        "directory",
        "path",
        "Error: ",
        "Try '",
        "DeprecationWarning",
        "{text} {dep",
        "(dynamic)",
        "Did you",
        "(Possible",
        "{extra_",
    )
    missing = []
    for text in (each for each in messages(module) if not each.startswith(never)):
        told = re.sub(r"\{(\w+)!r\}", r"'{\1}'", text)
        if all(in_english(catalogue().find(each)) for each in filled(told)):
            missing.append(told)

    assert not missing, "add them to services/zh/click.po"


def test_why_an_event_does_not_count_is_known_in_chinese() -> None:
    reasons = {why for each in vars(sources).values() if isinstance(each, Source) for _, why in each.excluded}

    assert len(reasons) > 3
    assert not [why for why in reasons if catalogue().find(why) is None]


@pytest.mark.parametrize(
    "code",
    [
        errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOSPC, errno.EROFS,
        errno.EIO, errno.EMFILE, errno.ENAMETOOLONG, errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.ECONNREFUSED,
    ],
    ids=lambda code: errno.errorcode[code],
)  # fmt: skip
def test_what_the_system_says_is_known_in_chinese(code: int) -> None:
    assert sentence(os.strerror(code)) != os.strerror(code)


KNOWN = sorted({(file.name, english) for file in (ROOT / "services/zh").glob("*.po") for english, _ in entries(file)})


def test_a_catalogue_keeps_what_is_filled_in() -> None:
    wrong = []
    for template_ in catalogue().templates:
        names, kept = (
            [*re.findall(r"\{([a-z_][a-z0-9_]*)\}", text)] for text in (template_.english, template_.chinese)
        )
        if not set(kept) <= set(names) or not template_.words:
            wrong.append(template_.english)

    assert not wrong


def test_nothing_is_translated_twice() -> None:
    english = [each for _, each in KNOWN if each]

    assert len(english) == len(set(english))


SMALL = Catalogue(
    {
        "is missing": "缺失",
        "no such file": "没有该文件",
        "one dimension": "一个维度",
        "{name} is no file; allowed: {names}": "{name} 不是文件；允许：{names}",
        "--where {error}": "--where {error}",
        "{path} cannot be read: {error}; name another": "读不了 {path}：{error}；请另选",
        "is {quoted}": "为 {quoted}",
        "has more than {most} {things}": "超过 {most} 个 {things}",
        "{name} line {digits}": "{name} 第 {digits} 行",
        "{name} line {digits} {problem}": "{name} 第 {digits} 行 {problem}",
    }
)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("is missing", "缺失"),
        ("No such file", "没有该文件"),
        ("data.amount is missing", "data.amount 缺失"),
        ("tile 3: by is missing; allowed: one dimension", "tile 3：by 缺失；允许：一个维度"),
        ("'a; b' is no file; allowed: x", "'a; b' 不是文件；允许：x"),
        ("--where by is missing", "--where by 缺失"),
        ("/x cannot be read: no such file; name another", "读不了 /x：没有该文件；请另选"),
        ("/x cannot be read: odd: things; name another", "读不了 /x：odd: things；请另选"),
        ("type is 'a'; allowed: 'b'", "type 为 'a'；允许：'b'"),
        ("is 'one' and 'other'", None),
        ("Close Date is missing", "Close Date 缺失"),
        ("a.csv line 1,234 Close Date is missing", "a.csv 第 1,234 行 Close Date 缺失"),
        ("a.csv line 1 is missing", "a.csv 第 1 行缺失"),
        ("has more than 5 a; allowed: one dimension", "超过 5 个 a；允许：一个维度"),
        ("the disk is broken", None),
        ("{name} {0}", None),
        ("", None),
    ],
)
def test_a_sentence_is_translated_with_its_parts_or_not_at_all(english: str, chinese: str | None) -> None:
    assert SMALL.find(english) == chinese


@pytest.mark.parametrize("name", ["", " ", "\n", "\u2003", "中"])
def test_a_name_without_letters_is_shown_and_its_sentence_translated(name: str) -> None:
    known = {"specversion": "1.0", "id": "1", "source": "/crm", "type": "deal.lost", "time": "1970-01-01T00:00:00Z"}
    told = known | {"data": {"deal_id": "D-1"}}
    twice = f"{{{json.dumps(name)}: 1, {json.dumps(name)}: 2}}"
    for raw in (twice, json.dumps(told | {name: 2}), json.dumps(known | {"data": {"deal_id": "D-1", name: 2}})):
        with pytest.raises(InvalidEvent) as refused:
            decode(parse(raw.encode()), now_ms=0, currency="CNY")
        english = str(refused.value)
        assert catalogue().find(english), english
        assert not any(gap in f" {english}" for gap in ("  ", ". ")), english
        assert english.isprintable(), english


def test_who_fills_in_a_template_changes_nothing_else() -> None:
    assert SMALL.find("{names} is no file; allowed: {name}") == "{names} 不是文件；允许：{name}"
    assert sentence("nobody has ever  translated\nthis") == "nobody has ever translated this"
