"""``inbox``: what came over webhooks, what became of it, and telling it once more."""

import json
from typing import TYPE_CHECKING, Any, Final

import click

from services.cli import show
from services.cli.session import BAD_USAGE, FINE, SOME_REFUSED, Problem, Session, Verbs, shared

if TYPE_CHECKING:
    from services.connectors.corrections import Plan, Scope
    from services.settings import Settings
    from services.workspace import Workspace

SHOWN: Final = 10
"""Changes that a person is shown at once."""


@click.group(
    "inbox",
    cls=Verbs,
    invoke_without_command=True,
    short_help="What came over webhooks: list, show, retranslate, prune.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@shared
@click.pass_context
def inbox(ctx: click.Context) -> None:
    """What CRMs sent over webhooks, kept as it came for SALESTREAM_INBOX_DAYS days."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError("say what to do with it; allowed: list, show, retranslate, prune")


@inbox.command("list")
@click.option("--system", metavar="NAME", help="Only of this system.")
@click.option("--since", metavar="MOMENT", help="Only what came since then.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The latest so many.")
@shared
@click.pass_obj
def list_(session: Session, system: str | None, since: str | None, limit: int) -> None:
    """The latest deliveries: how many events each tells, how many of those stand, and why the rest tells nothing."""
    from services.connectors.inbox import listed

    with session.workspace() as workspace:
        found = listed(workspace, _scope(workspace.settings, system, since), limit)
        session.live_in(workspace, workspace.settings.tenant)
    if session.json:
        session.tell(found)
        return
    t = session.t
    if not found:
        session.say(t("The inbox is empty."))
        return
    names = ("number", "received", "source", "events", "stand")
    said = [each | {"received": session.moment(each["received"])} for each in found]
    rows = [[*(str(each[name]) for name in names), "; ".join(map(session.sentence, each["unknown"]))] for each in said]
    headings = [t(name) for name in ("number", "received", "source", "events", "stand", "unknown")]
    session.say(show.table(headings, rows, numbers=[0, 3, 4]))


@inbox.command("show")
@click.argument("number", type=click.IntRange(1), metavar="N")
@click.option("--raw", is_flag=True, help="With what was sent, byte for byte: it may be personal, and hold a token.")
@shared
@click.pass_obj
def show_(session: Session, number: int, raw: bool) -> None:
    """One delivery and what became of it."""
    from services.connectors.inbox import looker, one
    from services.connectors.registry import CONNECTORS

    with session.workspace() as workspace:
        tenant = workspace.settings.tenant
        delivery = one(workspace, tenant, number)
        if delivery is None:
            raise Problem(f"there is no delivery {number}; list them to see their numbers", BAD_USAGE)
        known = delivery.system in CONNECTORS
        found = looker(workspace, tenant)(delivery) if known else {"number": number, "system": delivery.system}
        session.live_in(workspace, tenant)
    if raw:
        found["raw"] = delivery.raw.decode("utf-8", "backslashreplace")
    if session.json:
        session.tell(found)
    else:
        if "received" in found:
            found["received"] = session.moment(str(found["received"]))
        for key, value in found.items():
            text = "; ".join(map(session.sentence, value)) if isinstance(value, list) else str(value)
            session.say(f"{session.t(key)}: {show.printable(text or show.DASH)}")


@inbox.command()
@click.option("--system", metavar="NAME", help="Only of this system.")
@click.option("--since", metavar="MOMENT", help="Only what came since then.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and tell nothing.")
@shared
@click.pass_obj
def retranslate(session: Session, system: str | None, since: str | None, dry_run: bool) -> int:
    """Translate what is kept once more, with the mappings of today, and correct what they told wrongly.

    Events that would be told otherwise are voided and told anew, all at once; nothing counts twice, and doing it again
    changes nothing. Exit code 3 where some were refused.
    """
    from services.connectors.inbox import correct, correction

    with session.workspace() as workspace:
        scope = _scope(workspace.settings, system, since)
        with session.progress("translating", workspace.journal.head(scope.tenant).position or None) as advance:
            made = correction(workspace, scope, advance)
        outcomes = [] if dry_run else correct(workspace, scope, made)
        if not dry_run:
            _note(workspace, made)
        if not dry_run:
            session.post(workspace, [scope.tenant])
    refused = [{"id": each.id, "reason": each.reason} for each in outcomes if each.reason is not None]
    result = {
        "deliveries": made.deliveries,
        "same": made.same,
        "voided": len(made.voided),
        "told": len(made.told),
        "by_hand": made.by_hand,
        "unknown": made.unknown,
        "refused": refused,
    }
    if dry_run:
        result |= {"voidings": made.voided, "examples": made.told[:SHOWN]}
    if session.json:
        session.tell(result)
    else:
        _for_people(session, result, made, dry_run)
    return SOME_REFUSED if refused else FINE


@inbox.command()
@shared
@click.pass_obj
def prune(session: Session) -> None:
    """Delete, for good, what is kept for longer than SALESTREAM_INBOX_DAYS days. Of all tenants."""
    from services.connectors.inbox import prune as delete

    with session.workspace() as workspace:
        deleted = delete(workspace)
    if session.json:
        session.tell({"deleted": deleted})
    else:
        session.say(session.t("{n} deliveries deleted").format(n=f"{deleted:,}"))


def _note(workspace: "Workspace", made: "Plan") -> None:
    """In the audit journal."""
    from services.trail import Change, audited, local_user

    counts = {"deliveries": made.deliveries, "voided": len(made.voided), "told": len(made.told)}
    with audited(workspace.settings) as audit:
        audit.changed(Change("inbox.retranslated", workspace.settings.tenant, local_user(), counts))


def _scope(settings: "Settings", system: str | None, since: str | None) -> "Scope":
    from events.envelope import to_ms
    from services.connectors.corrections import Scope
    from services.connectors.registry import CONNECTORS
    from services.importer.moments import read_moment

    if system is not None and system not in CONNECTORS:
        raise Problem(f"{system!r} is no system with webhooks; allowed: {', '.join(CONNECTORS)}", BAD_USAGE)
    try:
        since_ms = to_ms(read_moment(since, (), settings.timezone)) if since else 0
    except ValueError as error:
        raise Problem(f"--since {since!r} {error}", BAD_USAGE) from error
    return Scope(settings.tenant, system, since_ms)


def _for_people(session: Session, result: dict[str, Any], made: "Plan", dry_run: bool) -> None:
    t = session.t
    if dry_run:
        sentence = t(
            "{deliveries} deliveries: {same} events stay, {voided} would be voided, {told} told; {by_hand} voided by "
            "somebody else stay so"
        )
    else:
        sentence = t(
            "{deliveries} deliveries: {same} events stay, {voided} were voided, {told} told; {by_hand} voided by "
            "somebody else stay so"
        )
    counts = {name: f"{result[name]:,}" for name in ("deliveries", "same", "voided", "told", "by_hand")}
    session.say(sentence.format(**counts))
    for event in made.told[:SHOWN] if dry_run else []:
        session.say(show.printable(json.dumps(event, ensure_ascii=False)))
    if made.unknown:
        session.say()
        rows = [[session.sentence(reason), f"{count:,}"] for reason, count in made.unknown.items()]
        session.say(show.table([t("tells nothing, for it"), t("times")], rows, numbers=[1]))
    for each in result["refused"]:
        session.say(show.printable(f"{each['id']}: {session.sentence(each['reason'])}"))
