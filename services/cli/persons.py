"""Persons: ``erase`` and ``subject``."""

import json
from pathlib import Path
from typing import Any

import click

from services.cli import show
from services.cli.session import BAD_USAGE, FINE, Problem, Session, Verbs, shared


@click.command(short_help="Destroy what is held of a person, for good.")
@click.argument("subjects", nargs=-1, required=True, metavar="KIND:ID...")
@click.option("--reason", metavar="TEXT", help="Why, in words that tell nothing of the person; kept in the journal.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared
@click.pass_obj
def erase(session: Session, subjects: tuple[str, ...], reason: str | None, yes: bool) -> int:
    """Destroy the key of what is personal about lead:ID, customer:ID, rep:ID, respondent:ID, deal:ID or survey:ID.

    No number changes. The journal keeps that it was done; what is told later about them is kept without what is
    personal. It cannot be undone.
    """
    from services.clock import now_ms
    from services.sealing.subjects import erase as run
    from services.sealing.subjects import subject_named
    from services.trail import Change, audited, local_user

    named = list(dict.fromkeys(map(subject_named, subjects)))
    question = session.t("Destroy what is personal about {subjects}? This cannot be undone.")
    if not yes and (session.json or not click.confirm(question.format(subjects=show.printable(", ".join(named))))):
        raise Problem("nothing was erased; allowed without being asked: --yes", BAD_USAGE)
    with session.workspace() as workspace, audited(workspace.settings) as audit:
        tenant = workspace.settings.tenant
        done = [run(workspace.journal, tenant, each, now_ms=now_ms(), reason=reason) for each in named]
        for each in done:
            if not each["already"]:
                audit.changed(Change("subject.erased", tenant, local_user(), {"subject": each["subject"]}))
        session.post(workspace, [tenant])
        session.live_in(workspace, tenant)
    if session.json:
        session.tell(done)
    else:
        for each in done:
            _erased(session, each)
    return FINE


def _erased(session: Session, each: dict[str, Any]) -> None:
    t = session.t
    before, now = t("{subject} was erased before, at {erased}"), t("{subject} is erased, at {erased}")
    said = each | {"erased": session.moment(each["erased"])}
    session.say(show.printable((before if each["already"] else now).format(**said)))
    if not each["already"] and not each["held"]:
        session.say(t("Nothing was sealed about it: is the id right?"))
    if not each["already"]:
        if each["raw"]:
            session.say(t("{raw} raw deliveries and refusals that mention it are deleted").format(**each))
        until = t("what came in without its id can be read until {inbox}, what was refused so until {letters}")
        session.say(until.format(**each["raw_until"]))


@click.group(
    "subject",
    cls=Verbs,
    invoke_without_command=True,
    short_help="What is held of a person: export, erased.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@shared
@click.pass_context
def subject(ctx: click.Context) -> None:
    """What is held of persons, and of whom it was destroyed."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError("say what to do; allowed: export, erased")


@subject.command()
@click.argument("name", metavar="KIND:ID")
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Into a file.")
@shared
@click.pass_obj
def export(session: Session, name: str, into: Path | None) -> None:
    """Everything that is held about lead:ID, customer:ID, rep:ID, respondent:ID, deal:ID or survey:ID, as JSON.

    Its events on both clocks, with what is personal, and what was sent or refused and mentions its id.
    """
    from services.sealing.subjects import export as run
    from services.sealing.subjects import subject_named
    from services.trail import Change, audited, local_user

    named = subject_named(name)
    with session.workspace() as workspace, audited(workspace.settings) as audit:
        journal, tenant = workspace.journal, workspace.settings.tenant
        with session.progress("reading", journal.head(tenant).position) as advance:
            found = run(journal, tenant, named, progress=advance)
        audit.changed(Change("subject.exported", tenant, local_user(), {"subject": named}))
    if into is None:
        session.tell(found)
        return
    _write(into, found)
    if session.json:
        session.tell({"events": len(found["events"]), "file": str(into)})
    else:
        session.say(session.t("{n} events written to {file}").format(n=len(found["events"]), file=into))


def _write(into: Path, found: dict[str, Any]) -> None:
    """A file that only its owner may read."""
    try:
        into.touch(mode=0o600)
        into.chmod(0o600)
        into.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise Problem(f"{into} cannot be written: {error.strerror}", BAD_USAGE) from error


@subject.command()
@shared
@click.pass_obj
def erased(session: Session) -> None:
    """Of whom what is personal was destroyed, and when; `erase` with the same names does it again elsewhere."""
    from services.sealing.subjects import erased as run

    with session.workspace() as workspace:
        found = run(workspace.journal, workspace.settings.tenant)
        session.live_in(workspace, workspace.settings.tenant)
    if session.json:
        session.tell(found)
    elif not found:
        session.say(session.t("Nobody was erased."))
    else:
        rows = [[each["subject"], session.moment(each["erased"])] for each in found]
        session.say(show.table([session.t("subject"), session.t("erased")], rows))
