"""``rebuild`` and ``rollback``: the ledger made anew and put in place, also below ``serve``; and the way back."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from projections.answer import people
from services.cli import show
from services.cli.session import BAD_USAGE, FAILED, FINE, Problem, Session, shared

if TYPE_CHECKING:
    from rich.progress import Task

SHOWN: Final = 20
"""Movers that people are shown; machines get them all."""


@click.command(short_help="Make the ledger anew from the journal.")
@click.option(
    "--expect-change", "expect", multiple=True, metavar="KPI", help="Its numbers may move; repeatable. all: any may."
)
@click.option("--estimate", is_flag=True, help="Say how long it would take, and do nothing.")
@shared
@click.pass_obj
def rebuild(session: Session, expect: tuple[str, ...], estimate: bool) -> int:
    """Make the ledger anew from the journal, beside the live one; compare the two number by number, and switch.

    Where numbers move of a KPI that is not named with --expect-change, the live ledger stays and the exit code is 1.
    Works while `serve` owns the data folder, which goes on taking and answering. Ctrl-C leaves everything as it was.
    `salestream rollback` takes a switch back.
    """
    from services.replay.rebuild import unknown

    if (name := unknown(expect)) is not None:
        raise Problem(f"--expect-change {name!r} is no KPI; allowed: all, or one of `salestream kpis`", BAD_USAGE)
    if estimate:
        _estimated(session, done(session, "estimate", {}))
        return FINE
    result = done(session, "rebuild", {"expect": list(expect)})
    if session.json:
        session.tell(result)
    else:
        _rebuilt(session, result)
    return FINE if result["switched"] else FAILED


@click.command(short_help="Put the ledger back that was live before the last rebuild.")
@shared
@click.pass_obj
def rollback(session: Session) -> None:
    """Put the ledger back that was live before the last rebuild, with all that was told since. Once more: undo that."""
    result = done(session, "rollback", {})
    if session.json:
        session.tell(result)
    else:
        session.say(session.t("the earlier ledger is back; {n} events posted to it").format(n=f"{result['events']:,}"))


def done(session: Session, verb: str, words: dict[str, Any]) -> dict[str, Any]:
    """Do it here, or have the process do it that owns the data folder."""
    from services.control import ask_owner
    from services.replay.verbs import do
    from services.workspace import InUse

    with steps(session) as told:
        try:
            with session.workspace() as workspace:
                return do(workspace, verb, words, told)
        except InUse as error:
            found: dict[str, Any] = ask_owner(session.settings.data, verb, words, told, otherwise=error)
            return found


def _estimated(session: Session, result: dict[str, Any]) -> None:
    if session.json:
        session.tell(result)
        return
    told = {"n": f"{result['events']:,}", "time": _time(result["seconds"]), "more": _time(result["comparing_s"])}
    session.say(session.t("{n} events: some {time}; up to {more} more where it differs").format(**told))


def _rebuilt(session: Session, result: dict[str, Any]) -> None:
    t = session.t
    session.say(t("{n} events posted anew").format(n=f"{result['events']:,}"))
    if not result["changed"]:
        session.say(t("the ledger is the same as before"))
        return
    session.say(t("the ledger changed for: {names}").format(names=", ".join(result["changed"])))
    if result["movers"]:
        session.say()
        _movers(session, result["movers"])
        session.say()
    else:
        session.say(t("{n} questions have the same answers").format(n=f"{result['compared']:,}"))
    if result["switched"]:
        session.say(t("the new ledger is in place; the way back: salestream rollback"))
        return
    options = " ".join(f"--expect-change {name}" for name in result["undeclared"])
    session.say(t("the ledger stays as it was; if this is meant: salestream rebuild {options}").format(
        options=options
    ))  # fmt: skip


def _movers(session: Session, movers: list[dict[str, Any]]) -> None:
    from projections.catalogue import BY_ID

    def row(mover: Mapping[str, Any]) -> list[str]:
        kpi = BY_ID[mover["kpi"]]
        unit = next((part.unit for part in kpi.parts if part.name == mover["part"]), kpi.unit)
        cell = ", ".join(f"{name}={value or show.DASH}" for name, value in mover["slice"].items())
        name = f"{kpi.id}: {mover['part']}" if mover["part"] else kpi.id
        values = [people(mover[which], unit) for which in ("old", "new")]
        return [show.printable(text) for text in (mover["tenant"], name, mover["period"], cell or show.DASH, *values)]

    headings = [session.t(name) for name in ("tenant", "KPI", "period", "slice", "old value", "new value")]
    session.say(show.table(headings, [row(mover) for mover in movers[:SHOWN]], numbers=[4, 5]))
    if len(movers) > SHOWN:
        session.say(session.t("and {n} more; --json lists all").format(n=f"{len(movers) - SHOWN:,}"))


def _time(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"


@contextmanager
def steps(session: Session) -> Iterator[Callable[[Any], None]]:
    """A bar for each phase, with its rate and the time left, where a person watches."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps in a second."""

        def render(self, task: "Task") -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def told(step: Mapping[str, Any]) -> None:
            phase = step["phase"]
            if phase not in tasks:
                tasks[phase] = bar.add_task(session.t(phase), total=step["total"])
            bar.update(tasks[phase], completed=step["done"], total=step["total"])

        yield told
