"""``audit``: the books counted a second time."""

from typing import Any

import click

from services.cli import show
from services.cli.session import FAILED, FINE, Session, shared


@click.command(short_help="Count additive KPIs a second time, straight from the events.")
@click.option("--slices", type=click.IntRange(1, 1_000_000), default=200, show_default=True, help="How many are drawn.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which are drawn: another one, other slices.")
@shared
@click.pass_obj
def audit(session: Session, slices: int, seed: int) -> int:
    """Count random slices of additive KPIs a second time, in SQL straight from the journal's events.

    The SQL was written apart from the books. Where both do not agree, the smallest set of events that shows it is
    listed, and the exit code is 1: either the posting rules are wrong, or the ledger's lines are not what they post.
    """
    from services.audit.run import audit as run

    with session.workspace() as workspace:
        tenant = workspace.settings.tenant
        session.post(workspace, [tenant])
        parked = [entry.position for entry, _, _ in workspace.store.parked(tenant)]
        with session.progress("auditing", slices) as advance:
            found = run(
                workspace.books(tenant), workspace.journal, parked, slices=slices, seed=seed, progress=advance
            )  # fmt: skip
    if session.json:
        session.tell(found)
    else:
        _for_people(session, found)
    return FINE if found["ok"] else FAILED


def _for_people(session: Session, found: dict[str, Any]) -> None:
    t = session.t
    sentence = t("{slices} slices counted twice, {skipped} skipped")
    session.say(sentence.format(slices=f"{found['slices']:,}", skipped=f"{found['skipped']:,}"))
    causes = {"book": t("the posting rules"), "ledger": t("the lines of the ledger")}
    for each in found["differences"]:
        session.say()
        sentence = t("{kpi}: books {books}, events {recount} ({cause})")
        session.say(sentence.format(**{**each, "cause": causes[each["cause"]]}))
        names = ("position", "source", "id", "type", "entity")
        rows = [[str(event[name]) for name in names] for event in each["events"]]
        headings = [t(name) for name in ("position", "source", "id", "type", "entity")]
        session.say(show.table(headings, rows, numbers=[0]))
    session.say(t("Both counts agree.") if found["ok"] else t("The two counts do not agree."))
