"""Whatever asks or changes something on the command line is in the audit journal; so every verb is accounted for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from services.cli.app import cli
from services.cli.noted import ASKS, DOES
from services.trail import CHANGES
from tests.services.cli.conftest import Run

NOTED_THEMSELVES = {
    "keys create", "keys revoke", "keys rotate", "keystore rotate", "erase", "subject export", "inbox retranslate",
    "dead-letters retry", "dead-letters discard",
}  # fmt: skip
"""Under types of their own."""
NOT_NOTED = {
    "demo": "a story in a folder of its own", "ingest": "what is told is in the journal", "import": "as ingest",
    "kpis": "shows what is in the program", "schema": "as kpis", "asyncapi": "as kpis", "settings": "as kpis",
    "dispute check": "reads a file, no books", "attest check": "as dispute check", "attest new-key": "makes a file",
    "serve": "notes each request", "worker": "tells what was told to the inbox", "keystore serve": "asks nothing",
}  # fmt: skip


def leaves(command: click.Command, path: str = "") -> Iterator[str]:
    if isinstance(command, click.Group):
        if command.invoke_without_command and path == "attest":
            yield path
        for name, each in command.commands.items():
            yield from leaves(each, f"{path} {name}".strip())
    else:
        yield path


def test_every_verb_is_accounted_for() -> None:
    parts: list[set[str]] = [set(ASKS), set(DOES), NOTED_THEMSELVES, set(NOT_NOTED)]
    assert set(leaves(cli)) == set().union(*parts)
    assert sum(map(len, parts)) == len(set().union(*parts))


def entries(run: Run, *types: str) -> list[Any]:
    return [each["data"] for each in run("trail", "--json", *(f"--type={type_}" for type_ in types)).json]


@pytest.fixture
def told(run: Run) -> None:
    event = (
        b'{"specversion":"1.0","id":"1","source":"/crm","type":"deal.won","time":"2026-01-05T09:00:00Z",'
        b'"data":{"deal_id":"D-1","amount":"90.00","currency":"CNY"}}\n'
    )
    assert run("ingest", "-", stdin=event).code == 0


@pytest.mark.usefixtures("told")
def test_questions_are_noted_with_what_was_asked_and_the_exit_code(run: Run) -> None:
    run("kpi", "bookings", "--from", "2026-01", "--json")
    run("kpi", "nonsense")

    first, second = entries(run, "question.asked")[:2]
    assert first["who"].startswith("local:")
    assert (first["route"], first["status"]) == ("salestream kpi", 0)
    assert first["asked"].startswith("kpi ")
    assert "bookings" in first["asked"]
    assert "2026-01" in first["asked"]
    assert (second["asked"].partition(" ")[2].rpartition("=")[2], second["status"]) == ("nonsense", 2)


@pytest.mark.usefixtures("told")
def test_what_changes_something_is_noted(run: Run, tmp_path: Path) -> None:
    run("backup", tmp_path / "b.tar")
    run("move", "--from", "kafka://me:word@nowhere:1", "--to", "nonsense://me:word@there")

    made, moved = entries(run, "command.run")
    assert made == {"who": made["who"], "command": f"backup target={tmp_path / 'b.tar'}", "code": 0}
    assert moved["code"] != 0
    assert "word" not in moved["command"]


def test_nothing_is_made_where_there_is_no_folder(run: Run, folder: Path, tmp_path: Path) -> None:
    run("backup", tmp_path / "b.tar")
    assert not (folder / "trail.sqlite").exists()


def test_the_types_to_choose_from_are_those_there_are() -> None:
    from services.cli.trail import _TYPES

    assert set(_TYPES) == {"question.asked", *CHANGES}
