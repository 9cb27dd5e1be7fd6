"""``definitions diff``: what a change of books or KPIs would move, before it is merged."""

from typing import Any

import click

from services.cli import show
from services.cli.rebuilding import steps
from services.cli.session import FAILED, FINE, Session, Verbs, shared

SHOWN = 40
"""Numbers that people are shown; machines get them all."""


@click.group(
    "definitions",
    cls=Verbs,
    invoke_without_command=True,
    short_help="What a change of definitions would move.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@shared
@click.pass_context
def definitions(ctx: click.Context) -> None:
    """Compare what two revisions of the code make of the whole history."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError("say what to do; allowed: diff")


@definitions.command("diff", short_help="Every published number that moves between two revisions.")
@click.argument("old", metavar="REV1")
@click.argument("new", metavar="REV2")
@click.option("--kpi", "kpis", multiple=True, metavar="KPI", help="Only this one; may be repeated.")
@shared
@click.pass_obj
def diff(session: Session, old: str, new: str, kpis: tuple[str, ...]) -> int:
    """Run two git revisions over the journal, each in scratch books, and list every number that moves, and why.

    Run it in the checkout that holds your definitions. Works while another process owns the data folder. Exit code 1
    where something moves. Where only books and KPIs have changed, only those are asked that can have moved.
    """
    from services.replay.revisions import diff as run

    with steps(session) as told:
        result = run(
            session.settings, old, new, kpis,
            lambda phase, done, total: told({"phase": phase, "done": done, "total": total}),
        )  # fmt: skip
    if session.json:
        session.tell(result)
    else:
        _shown(session, result)
    return FAILED if result["moved"] or result["only_old"] else FINE


def _shown(session: Session, result: dict[str, Any]) -> None:
    t, moved = session.t, result["moved"]
    for which, words in (("only_old", "gone: {names}"), ("only_new", "new: {names}")):
        if result[which]:
            session.say(t(words).format(names=", ".join(result[which])))
    if moved:
        rows = [
            [
                each["kpi"],
                each["period"],
                ", ".join(f"{name}={value or show.DASH}" for name, value in each["slice"].items()) or show.DASH,
                *(show.DASH if each[name] is None else str(each[name]) for name in ("old", "new")),
                t(each["why"]),
            ]
            for each in moved[:SHOWN]
        ]
        headings = [t(name) for name in ("KPI", "period", "slice", "old value", "new value", "why")]
        session.say(show.table(headings, [[show.printable(text) for text in row] for row in rows], numbers=[3, 4]))
        if len(moved) > SHOWN:
            session.say(t("and {n} more; --json lists all").format(n=f"{len(moved) - SHOWN:,}"))
    session.say(t("{n} of {all} compared answers have numbers that move").format(
        n=len({(each["kpi"], each["grain"], *each["slice"]) for each in moved}), all=result["compared"]
    ))  # fmt: skip
