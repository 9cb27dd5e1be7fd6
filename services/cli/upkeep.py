"""Keeping the books: ``rebuild``, ``verify``, ``digest``, ``replay`` and ``status``."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from services.cli import show
from services.cli.output import output
from services.cli.session import BAD_USAGE, FAILED, FINE, Problem, Session, shared

if TYPE_CHECKING:
    from events.envelope import Entry
    from services.journal.port import Journal
    from services.settings import Settings
    from services.workspace import Workspace

_CHUNK: Final = 5000
"""Events read from the journal in one go."""


@click.command(short_help="Make the ledger anew from the journal.")
@shared
@click.pass_obj
def rebuild(session: Session) -> None:
    """Make the ledger anew from the journal, beside the live one, and put it in its place in one step."""
    from services.replay.rebuild import rebuild as run

    with session.workspace() as workspace, session.progress("rebuilding", _events(workspace)) as advance:
        result = run(workspace, advance)
    if session.json:
        session.tell(result)
        return
    session.say(session.t("{n} events posted anew").format(n=f"{result['events']:,}"))
    if result["changed"]:
        session.say(session.t("the ledger changed for: {names}").format(names=", ".join(result["changed"])))
    else:
        session.say(session.t("the ledger is the same as before"))


@click.command(short_help="Prove the ledger: rebuild, compare, check its laws.")
@shared
@click.pass_obj
def verify(session: Session) -> int:
    """Rebuild into scratch tables and compare to the bit; check the laws of the ledger. Exit code 1 on a difference."""
    from services.replay.verify import verify as run

    with session.workspace() as workspace, session.progress("verifying", _events(workspace)) as advance:
        result = run(workspace, advance)
    if session.json:
        session.tell(result)
    else:
        _verified(session, result)
    return FINE if result["ok"] else FAILED


def _verified(session: Session, result: dict[str, Any]) -> None:
    t = session.t
    if not result["tenants"]:
        session.say(t("Nothing was told yet."))
        return
    rows = [
        [
            each["tenant"],
            f"{each['position']:,}",
            t("the same") if each["ledger"] == each["rebuilt"] else t("differs"),
            t("hold") if set(each["laws"].values()) == {"holds"} else _broken(each["laws"]),
            t("holds") if each["told_is_counted"] else t("broken"),
        ]
        for each in result["tenants"]
    ]
    headings = [t(name) for name in ("tenant", "position", "rebuilt ledger", "laws", "told = counted")]
    session.say(show.table(headings, rows, numbers=[1]))
    session.say()
    session.say(t("The books are right.") if result["ok"] else t("The books are not right."))


def _broken(laws: dict[str, str]) -> str:
    return "; ".join(f"{name} {found}" for name, found in laws.items() if found != "holds")


@click.command(short_help="Digests of journal, ledger and definitions.")
@click.option("--as-of", metavar="MOMENT|POSITION", help="Up to this recorded time or position.  [default: now]")
@shared
@click.pass_obj
def digest(session: Session, as_of: str | None) -> None:
    """Digests of journal, ledger and definitions: the same history gives the same, on every machine."""
    from services.replay.digest import digest as run

    with session.workspace() as workspace:
        tenant = workspace.settings.tenant
        session.post(workspace, [tenant])
        result = run(workspace, tenant, workspace.books(tenant).cut(as_of).position)
    if session.json:
        session.tell(result)
    else:
        for name, value in result.items():
            session.say(f"{session.t(name)}: {value}")


@click.command(short_help="How far, how large, and whether all is counted.")
@shared
@click.pass_obj
def status(session: Session) -> None:
    """How far journal and ledger are, whether everything told is counted, and how large it is."""
    from services.status import status as run

    with session.workspace() as workspace:
        result = run(workspace)
    if session.json:
        session.tell(result)
    else:
        _status(session, result)


def _status(session: Session, result: dict[str, Any]) -> None:
    t = session.t
    sizes = ", ".join(f"{name} {size / 1024:,.0f} KiB" for name, size in result["bytes"].items())
    session.say(show.printable(f"{result['data']}: {sizes}"))
    session.say()
    if not result["tenants"]:
        session.say(t("Nothing was told yet."))
        return
    names = ["told", "accepted", "duplicates", "refused", "applied", "parked", "lag"]
    rows = [
        [
            each["tenant"],
            each["journal"]["recorded"] or show.DASH,
            *(f"{each[name]:,}" for name in names),
            t("hold") if each["identity_holds"] and each["laws_hold"] else t("broken"),
        ]
        for each in result["tenants"]
    ]
    headings = [t(name) for name in ("tenant", "recorded", *names, "laws")]
    session.say(show.table(headings, rows, numbers=range(2, 2 + len(names))))
    if "partitions" in result:
        session.say()
        _partitions(session, result["partitions"])


def _partitions(session: Session, partitions: list[dict[str, Any]]) -> None:
    t, names = session.t, ["inbox", "inbox_lag", "journal", "ledger_lag"]
    rows = [
        [str(each["partition"]), *(f"{each[name]:,}" for name in names), f"{each['ledger_lag_s']:,.1f} s"]
        for each in partitions
    ]
    headings = ["partition", "inbox", "not in the journal", "journal", "not in the ledger", "waits for"]
    session.say(show.table([t(name) for name in headings], rows, numbers=range(6)))


@click.command(short_help="Read history out as CloudEvents.")
@click.option("--from", "from_", metavar="MOMENT|POSITION", help="The first: a position, or a recorded time, included.")
@click.option("--to", metavar="MOMENT|POSITION", help="The last: a position, included, or a recorded time, excluded.")
@click.option("--where-type", multiple=True, metavar="TYPE", help="Only events of this type; may be repeated.")
@click.option("--speed", type=click.IntRange(1), metavar="N", help="N times as fast as it was recorded.")
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Into a file.")
@shared
@click.pass_obj
def replay(
    session: Session,
    from_: str | None,
    to: str | None,
    where_type: tuple[str, ...],
    speed: int | None,
    into: Path | None,
) -> None:
    """Read history out as CloudEvents, one a line, each with its recorded time.

    Works while another process owns the data folder. Telling the file to another folder makes the same journal.
    """
    from services.journal.sqlite import SqliteJournal

    settings = session.settings
    with SqliteJournal(settings.journal_path, read_only=True) as journal:
        first, last = _stretch(journal, settings, from_, to)
        entries = _entries(journal, settings.tenant, first, last, _types(where_type))
        with session.progress("replaying", max(last - first + 1, 0)) as advance, output(into) as out:
            written = _write(entries, out, speed, advance if into else lambda done: None)
    if session.json and into:
        session.tell({"events": written, "file": str(into)})
    elif into:
        session.say(session.t("{n} events written to {file}").format(n=f"{written:,}", file=into))


def _events(workspace: "Workspace") -> int:
    journal = workspace.journal
    return sum(journal.head(tenant).position for tenant in journal.tenants())


def _stretch(journal: "Journal", settings: "Settings", from_: str | None, to: str | None) -> tuple[int, int]:
    """The first and last position. Raises Problem."""
    from events.codec import read
    from projections.definitions import Definitions
    from projections.periods import moment

    head = journal.head(settings.tenant).position
    told = journal.of_type(settings.tenant, ["calendar.defined", "event.voided"])
    calendar = Definitions(map(read, told), timezone=settings.timezone, currency=settings.currency).calendar

    def place(name: str, text: str | None, otherwise: int, after: int) -> int:
        if text is None:
            return otherwise
        if text.isdecimal():
            return int(text)
        try:
            return journal.position_at(settings.tenant, moment(text, calendar) - 1) + after
        except ValueError as error:
            raise Problem(f"{name} {text!r} is no moment and no position; {error}, or a position", BAD_USAGE) from error

    first, last = place("--from", from_, 1, 1), place("--to", to, head, 0)
    if from_ is not None and to is not None and first > last + 1:
        raise Problem(f"--from {from_!r} lies after --to {to!r}; allowed: an earlier one", BAD_USAGE)
    return max(first, 1), min(last, head)


def _types(told: tuple[str, ...]) -> frozenset[str]:
    from events.vocabulary import BY_TYPE

    for type_ in told:
        if type_ not in BY_TYPE:
            raise Problem(f"--where-type {type_!r} is no event type; allowed: {', '.join(BY_TYPE)}", BAD_USAGE)
    return frozenset(told)


def _entries(journal: "Journal", tenant: str, first: int, last: int, types: frozenset[str]) -> Iterator["Entry"]:
    after = first - 1
    while after < last and (entries := journal.read(tenant, after, min(_CHUNK, last - after))):
        after = entries[-1].position
        yield from (entry for entry in entries if not types or entry.type in types)


def _write(entries: Iterable["Entry"], out: BinaryIO, speed: int | None, advance: Any) -> int:
    from events.codec import export

    written, before_ms = 0, None
    for entry in entries:
        if speed is not None and before_ms is not None:
            time.sleep((entry.recorded_ms - before_ms) / 1000 / speed)
        before_ms = entry.recorded_ms
        out.write(export(entry) + b"\n")
        if speed is not None:
            out.flush()
        written += 1
        advance(1)
    out.flush()
    return written
