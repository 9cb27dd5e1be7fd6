"""Carrying away: ``export`` writes what was asked into a file, ``dispute`` packs the events that make a number."""

import io
import sys
from pathlib import Path
from typing import Any, Final

import click

from services.cli.output import output
from services.cli.questions import answer_options, question_of, question_options
from services.cli.session import BAD_USAGE, FAILED, FINE, Problem, Session, Verbs, shared

_FORMATS: Final = ("csv", "jsonl", "parquet", "arrow", "xlsx")
_WHATS: Final = ("answer", "receipt", "ledger")
_INTO: Final = click.Path(dir_okay=False, path_type=Path)
_PACK: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Write an answer, a receipt or a ledger into a file.")
@answer_options
@click.option(
    "--what",
    type=click.Choice(_WHATS),
    default="answer",
    show_default=True,
    help="The rows of the answer, the events of its receipt, or the lines of the ledger behind it.",
)
@click.option("--format", "format_", type=click.Choice(_FORMATS), help="Of the file.  [default: by its ending, or csv]")
@click.option("--into", type=_INTO, metavar="FILE", help="Into a file; without it, standard output.")
@shared
@click.pass_obj
def export(session: Session, /, what: Any, format_: str | None, into: Path | None, **told: Any) -> None:
    """Write an answer, its receipt or the ledger behind it into a file: CSV, JSON lines, Parquet, Arrow or Excel.

    The question is that of kpi; for a receipt or a ledger it names one cell, as for explain. Amounts are exact in all
    of them, and no text of an event becomes a formula.

    Examples: export revenue --by region --grain month --into revenue.xlsx · export bookings --from 2026-Q3 --to 2026-Q4
    --what receipt --into receipt.parquet
    """
    from services.export.formats import FORMATS
    from services.export.query import exported

    format_ = format_ or _format_of(into)
    if into is None and session.json:
        raise Problem("--json says what was written, and there is no file; allowed: --into FILE", BAD_USAGE)
    asked = question_of(told)
    made = io.BytesIO()
    with session.books() as books:
        table = exported(books, asked, what)
        FORMATS[format_].write(table, made)
    if into is None and format_ in _BINARY and sys.stdout.isatty():
        raise Problem(f"{format_} is no text for a terminal; allowed: --into FILE, or a pipe", BAD_USAGE)
    with output(into) as out:
        out.write(made.getbuffer())
    if into is not None and session.json:
        session.tell({"file": str(into), "format": format_, "rows": len(table.rows)})
    elif into is not None:
        session.say(session.t("{n} rows written to {file}").format(n=f"{len(table.rows):,}", file=into))


_BINARY: Final = ("parquet", "arrow", "xlsx")


def _format_of(into: Path | None) -> str:
    """What the ending of a file says. Raises Problem where it says nothing."""
    if into is None:
        return "csv"
    ending = into.suffix.lower().removeprefix(".")
    if ending not in _FORMATS:
        raise Problem(
            f"{into.name} does not say what it is to be; allowed: a file that ends with "
            f"{', '.join(f'.{each}' for each in _FORMATS)}, or --format",
            BAD_USAGE,
        )
    return ending


@click.group(cls=Verbs, short_help="Packs of the events that make a number.")
@shared
def dispute() -> None:
    """Pack the events that make a number, so that anybody can check it: the same events give the same number."""


@dispute.command(short_help="Pack the events that make one number.")
@question_options
@click.option("--into", type=_INTO, required=True, metavar="FILE", help="The pack, a .zip file.")
@shared
@click.pass_obj
def pack(session: Session, /, into: Path, **told: Any) -> int:
    """Pack the events that make one number, and check that they do.

    The question is that of explain. The pack holds the events that were counted and what they rest on, without anything
    personal, what was left out and why, the definition, and the number. Whoever has it runs `dispute check`.
    """
    from services.export.dispute import check, packed

    asked = question_of(told)
    with session.books() as books:
        content = packed(books, asked, session.settings)
    found = check(content)
    if not found["same"]:
        session.tell(found) if session.json else _checked(session, found)
        raise Problem("the events of this number alone give another one, so there is no pack", FAILED)
    with output(into) as out:
        out.write(content)
    if session.json:
        session.tell({"file": str(into)} | found)
    else:
        sentence = session.t("{n} events packed into {file}; alone they give the same number")
        session.say(sentence.format(n=f"{found['events']:,}", file=into))
    return FINE


@dispute.command("check", short_help="Count the events of a pack anew.")
@click.argument("pack", type=_PACK, metavar="FILE")
@shared
@click.pass_obj
def check_(session: Session, pack: Path) -> int:
    """Count the events of a pack anew, in a folder of their own, and compare. Exit code 1 where the number differs."""
    from services.export.dispute import check

    found = check(pack.read_bytes())
    if session.json:
        session.tell(found)
    else:
        _checked(session, found)
    return FINE if found["same"] else FAILED


def _checked(session: Session, found: dict[str, Any]) -> None:
    t = session.t
    session.say(t("{n} events, {kpi} as packed: {value}").format(n=f"{found['events']:,}", **found))
    session.say(t("counted anew: {value}").format(value=found["counted_anew"]))
    if not found["same_definition"]:
        session.say(t("The definition of this version is another one than that of the pack."))
    session.say(t("It is the same number.") if found["same"] else t("It is not the same number."))
