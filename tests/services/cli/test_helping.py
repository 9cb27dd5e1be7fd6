"""Help in Chinese: every text that a verb, an option or click itself shows has its Chinese, and fits the screen."""

import inspect
from collections.abc import Iterator

import click
import pytest

from services.cli.app import cli
from services.cli.helping import language, lines, width
from services.cli.session import Session
from services.sentences import catalogue
from tests.services.cli.conftest import Run


def contexts(command: click.Command, parent: click.Context | None, name: str) -> Iterator[click.Context]:
    """The context of a command and of all below it."""
    session = Session()
    session.lang = "zh"
    obj = session if parent is None else None
    context = command.context_class(command, parent, name, obj=obj, **command.context_settings)
    yield context
    if isinstance(command, click.Group):
        for each, below in command.commands.items():
            yield from contexts(below, context, each)


CONTEXTS = {each.command_path: each for each in contexts(cli, None, "salestream")}


def texts(context: click.Context) -> Iterator[str]:
    """Every text of a command's help that is written in words."""
    command = context.command
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield " ".join(paragraph.split())
    yield from filter(None, (command.epilog, command.short_help))
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield record[1].partition("  [")[0]


@pytest.mark.parametrize("path", sorted(CONTEXTS))
def test_every_text_of_the_help_is_known_in_chinese(path: str) -> None:
    missing = [text for text in texts(CONTEXTS[path]) if catalogue().find(text) is None]

    assert not missing, "add them to services/zh/help.po"


@pytest.mark.parametrize("path", sorted(CONTEXTS))
def test_no_line_is_wider_than_the_screen(path: str) -> None:
    told = [each for each in CONTEXTS[path].get_help().splitlines() if "[" not in each[:40]]

    assert max(map(width, told)) <= 80


@pytest.mark.parametrize("args", [("--lang", "zh", "kpi", "-h"), ("kpi", "--help", "--lang=zh")])
def test_the_language_may_stand_anywhere(run: Run, args: tuple[str, ...]) -> None:
    told = run(*args).out

    assert told.startswith("用法：salestream kpi [选项] ID\n")
    assert "  --as-of MOMENT|POSITION  按当时的所知：记录时间，或日志位置。\n" in told
    assert "[默认：salestream-data]" in told


def test_the_environment_says_the_language_of_help(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESTREAM_LANG", "zh")

    assert run("keys", "-h").out.startswith("用法：salestream keys [选项] 命令 [参数]...\n")
    assert run("--lang", "en", "keys", "-h").out.startswith("Usage: salestream keys [OPTIONS] COMMAND")


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (["--lang", "zh"], "zh"),
        (["--lang=zh", "kpi", "--lang", "en"], "en"),
        (["kpi", "--", "--lang", "zh"], None),
        (["--lang"], None),
        (["--lang", "fr"], None),
    ],
)
def test_the_language_of_a_command_line(args: list[str], found: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SALESTREAM_LANG", raising=False)

    assert language(args) == found


def test_chinese_is_broken_by_width_and_not_before_a_mark() -> None:
    assert lines("按当时的所知：记录时间，或位置 of the journal。", 10) == [
        "按当时的所",
        "知：记录时",
        "间，或位置",
        "of the",
        "journal。",
    ]
    assert lines("（按当时）的", 8) == ["（按当",
                                   "时）的"]  # fmt: skip
    assert lines("", 8) == []
