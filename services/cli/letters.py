"""``dead-letters``: what was refused or could not be posted, and what to do about it."""

import re
from typing import TYPE_CHECKING, Any, Final

import click

from services.cli import show
from services.cli.session import BAD_USAGE, FINE, SOME_REFUSED, Problem, Session, Verbs, shared

if TYPE_CHECKING:
    from services.journal.port import Letter
    from services.workspace import Workspace

_NAME: Final = re.compile(r"p?[1-9]\d{0,11}", re.ASCII)
_WHICH: Final = "the number of a refused event such as 3, or the position of a parked one such as p17"


@click.group(
    "dead-letters",
    cls=Verbs,
    invoke_without_command=True,
    short_help="Refused and parked events: list, show, retry, discard.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@shared
@click.pass_context
def dead_letters(ctx: click.Context) -> None:
    """What was refused, with its reason, and what was accepted but could not be posted (parked)."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError("say what to do with them; allowed: list, show, retry, discard")


@dead_letters.command("list")
@shared
@click.pass_obj
def list_(session: Session) -> None:
    """All that are open, oldest first."""
    from services.dead_letters import listed

    with session.workspace() as workspace:
        tenant = workspace.settings.tenant
        session.post(workspace, [tenant])
        found = listed(workspace, tenant)
        session.live_in(workspace, tenant)
    if session.json:
        session.tell(found)
        return
    t = session.t
    if not found["refused"] and not found["parked"]:
        session.say(t("There are no dead letters."))
    if found["refused"]:
        said = [
            each | {"recorded": session.moment(each["recorded"]), "reason": session.sentence(each["reason"])}
            for each in found["refused"]
        ]
        headings = [t(name) for name in ("number", "recorded", "origin", "id", "reason")]
        rows = [[_or_dash(each[name]) for name in ("number", "recorded", "origin", "id", "reason")] for each in said]
        session.say(show.table(headings, rows, numbers=[0]))
    if found["parked"]:
        rows = [
            [f"p{each['position']}", each["type"], each["entity"], each["id"], session.sentence(each["reason"])]
            for each in found["parked"]
        ]
        session.say(show.table([t(name) for name in ("parked", "event", "entity", "id", "reason")], rows, numbers=[0]))


@dead_letters.command("show")
@click.argument("which", metavar="N")
@shared
@click.pass_obj
def show_(session: Session, which: str) -> None:
    """One of them, with what was told."""
    with session.workspace() as workspace:
        (name,) = _names((which,))
        session.post(workspace, [workspace.settings.tenant])
        found = _one(workspace, name)
        session.live_in(workspace, workspace.settings.tenant)
    if session.json:
        session.tell(found)
    else:
        found |= {"recorded": session.moment(found["recorded"]), "reason": session.sentence(found["reason"])}
        for key, value in found.items():
            session.say(f"{session.t(key)}: {show.printable(_or_dash(value))}")


@dead_letters.command()
@click.argument("which", nargs=-1, required=True, metavar="N...|all")
@shared
@click.pass_obj
def retry(session: Session, which: tuple[str, ...]) -> int:
    """Tell refused events once more, and try to post parked ones again.

    N is the number of a refused event, pN the position of a parked one; parked events are tried all together, in
    order. Exit code 3 where some are still refused or parked.
    """
    from services.dead_letters import retry as tell_again
    from services.dead_letters import retry_parked

    with session.workspace() as workspace:
        tenant = workspace.settings.tenant
        session.post(workspace, [tenant])
        letters, parked = _chosen(workspace, which)
        still = [
            {"number": letter.number, "reason": reason}
            for letter in letters
            if (reason := tell_again(workspace, letter)) is not None
        ]
        session.post(workspace, workspace.journal.tenants())
        _note(workspace, "letter.retried", [letter.number for letter in letters])
        posted, waiting = retry_parked(workspace, tenant) if parked else (0, 0)
    result = {"retried": len(letters) - len(still), "refused": still, "posted": posted, "parked": waiting}
    if session.json:
        session.tell(result)
    else:
        sentence = session.t("{retried} taken, {refused} still refused; {posted} posted, {parked} still parked")
        session.say(sentence.format(**result | {"refused": len(still)}))
        for each in still:
            session.say(show.printable(f"{each['number']}: {session.sentence(str(each['reason']))}"))
    return SOME_REFUSED if still or waiting else FINE


@dead_letters.command()
@click.argument("which", nargs=-1, required=True, metavar="N...|all")
@shared
@click.pass_obj
def discard(session: Session, which: tuple[str, ...]) -> None:
    """Put refused events away. They are kept, but no longer open."""
    with session.workspace() as workspace:
        letters, parked = _chosen(workspace, which)
        if parked and which != ("all",):
            raise Problem(
                "a parked event is in the journal and cannot be discarded; retry it, or void it with event.voided",
                BAD_USAGE,
            )
        for letter in letters:
            workspace.journal.close_letter(letter.tenant, letter.number, "discarded")
        _note(workspace, "letter.discarded", [letter.number for letter in letters])
    if session.json:
        session.tell({"discarded": len(letters)})
    else:
        session.say(session.t("{n} discarded").format(n=len(letters)))


def _note(workspace: "Workspace", what: str, numbers: list[int]) -> None:
    """In the audit journal, with the numbers of the letters."""
    from services.trail import Change, audited, local_user

    if numbers:
        with audited(workspace.settings) as audit:
            audit.changed(
                Change(what, workspace.settings.tenant, local_user(), {"numbers": numbers[:100], "n": len(numbers)})
            )


def _names(which: tuple[str, ...]) -> tuple[str, ...]:
    for name in which:
        if not _NAME.fullmatch(name):
            raise Problem(f"{name!r} is no dead letter; allowed: {_WHICH}", BAD_USAGE)
    return which


def _chosen(workspace: "Workspace", which: tuple[str, ...]) -> tuple[list["Letter"], bool]:
    """The open letters that were named, and whether parked events were."""
    tenant = workspace.settings.tenant
    if which == ("all",):
        return workspace.journal.letters(tenant), bool(workspace.store.parked(tenant))
    names = _names(which)
    parked = {f"p{entry.position}" for entry, _, _ in workspace.store.parked(tenant)}
    for name in names:
        if name.startswith("p") and name not in parked:
            raise Problem(f"no event is parked at position {name[1:]}; list them to see where", BAD_USAGE)
    numbers = dict.fromkeys(int(name) for name in names if not name.startswith("p"))
    return [_open(workspace, number) for number in numbers], any(name.startswith("p") for name in names)


def _letter(workspace: "Workspace", number: int) -> "Letter":
    letter = workspace.journal.letter(workspace.settings.tenant, number)
    if letter is None:
        raise Problem(f"there is no dead letter {number}; list them to see their numbers", BAD_USAGE)
    return letter


def _open(workspace: "Workspace", number: int) -> "Letter":
    letter = _letter(workspace, number)
    if letter.outcome is not None:
        raise Problem(f"dead letter {number} was {letter.outcome} already; a decision stands", BAD_USAGE)
    return letter


def _one(workspace: "Workspace", name: str) -> dict[str, Any]:
    from events.envelope import to_text
    from services.dead_letters import whole

    if not name.startswith("p"):
        return whole(_letter(workspace, int(name)))
    for entry, _, reason in workspace.store.parked(workspace.settings.tenant):
        if f"p{entry.position}" == name:
            told = {"position": entry.position, "recorded": to_text(entry.recorded_ms), "source": entry.source}
            return told | {"id": entry.id, "reason": reason, "told": entry.body.decode()}
    raise Problem(f"no event is parked at position {name[1:]}; list them to see where", BAD_USAGE)


def _or_dash(value: Any) -> str:
    return show.DASH if value is None else str(value)
