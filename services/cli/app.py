"""``salestream``: the verbs, and what becomes of an error. Nobody but a bug of ours ends in a traceback."""

import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from services.cli.auditing import audit
from services.cli.backing import backup, restore
from services.cli.definitions import definitions
from services.cli.demo import demo
from services.cli.exporting import dispute, export
from services.cli.growing import move, setup
from services.cli.helping import language
from services.cli.inbox import inbox
from services.cli.intake import import_, ingest
from services.cli.keys import keys
from services.cli.keystore import keystore
from services.cli.letters import dead_letters
from services.cli.persons import erase, subject
from services.cli.proof import attest
from services.cli.questions import changes, explain, history, kpi
from services.cli.rebuilding import rebuild, rollback
from services.cli.reference import asyncapi, kpis, schema, settings
from services.cli.replaying import replay
from services.cli.serve import serve
from services.cli.session import (
    BAD_USAGE,
    FAILED,
    FINE,
    STOPPED,
    PipeClosed,
    Problem,
    Session,
    Stopped,
    Verbs,
    shared,
)
from services.cli.trail import trail
from services.cli.upkeep import digest, status, verify
from services.cli.what_if import what_if
from services.cli.worker import worker

VERBS: Final = (
    demo, ingest, import_, kpi, kpis, explain, changes, history, export, dispute, rebuild, rollback, verify, audit,
    digest, attest, replay, what_if, definitions, backup, restore, dead_letters, inbox, status, schema, asyncapi,
    settings, setup, move, worker, serve, keys, keystore, erase, subject, trail,
)  # fmt: skip
"""In the order of the help."""

ERRORS: Final = {
    "services.workspace:WorkspaceError": FAILED,
    "services.store.port:StoreError": FAILED,
    "services.processor.parallel:HelperFailed": FAILED,
    "services.journal.port:JournalError": FAILED,
    "services.keys.port:KeysError": FAILED,
    "services.trail:AuditError": FAILED,
    "services.worker.worker:WorkerFailed": FAILED,
    "services.export.formats:ExportError": FAILED,
    "services.export.dispute:DisputeError": BAD_USAGE,
    "services.sealing.subjects:BadSubject": BAD_USAGE,
    "services.importer.mapping:MappingError": BAD_USAGE,
    "services.wallboard.board:BoardError": BAD_USAGE,
    "services.replay.scenario:BadScenario": BAD_USAGE,
    "projections.question:BadQuestion": BAD_USAGE,
    "events.codec:InvalidEvent": BAD_USAGE,
}
"""What can go wrong that is not our mistake, by where it is defined, and the exit code of each."""

SIGPIPE: Final = 141
"""Whoever read the output went away, as shells have it. That is no mistake, so nothing is said."""


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine, 1 failed, 2 bad usage or question, 3 some events refused.",
)
@click.version_option(package_name="salestream", message="%(prog)s %(version)s")
@shared
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The books of selling: tell events, ask KPIs as they are or were known, have every number explained."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _verb in VERBS:
    cli.add_command(_verb)


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code."""
    told = list(sys.argv[1:] if args is None else args)
    session = Session()
    session.lang = language(told)
    _never_fail_on_a_character()
    try:
        code = cli.main(told, prog_name="salestream", standalone_mode=False, obj=session)
        sys.stdout.flush()
    except click.ClickException as error:
        session.json = session.json or "--json" in told
        return _failed(session, error.format_message(), BAD_USAGE)
    except Problem as error:
        return _failed(session, str(error), error.code)
    except (Stopped, click.Abort):
        return _failed(session, "stopped", STOPPED)
    except (PipeClosed, BrokenPipeError):
        return _nobody_reads()
    except _known() as error:
        return _failed(session, str(error), _code(error))
    except OSError as error:
        return _failed(session, _os_sentence(error), FAILED)
    return code if isinstance(code, int) else FINE


def _known() -> tuple[type[BaseException], ...]:
    """The classes of ``ERRORS`` that were imported in this run: no other can have been raised."""
    places = (place.partition(":") for place in ERRORS)
    return tuple(getattr(sys.modules[module], name) for module, _, name in places if module in sys.modules)


def code_of(error: BaseException) -> int:
    """The exit code of whatever ended a verb."""
    if isinstance(error, click.ClickException):
        return BAD_USAGE
    if isinstance(error, Problem):
        return error.code
    if isinstance(error, (Stopped, click.Abort, KeyboardInterrupt)):
        return STOPPED
    return _code(error) if isinstance(error, _known()) else FAILED


def _code(error: BaseException) -> int:
    kinds = (f"{kind.__module__}:{kind.__qualname__}" for kind in type(error).__mro__)
    return next(ERRORS[kind] for kind in kinds if kind in ERRORS)


def _failed(session: Session, sentence: str, code: int) -> int:
    """One sentence on standard error; machines find it on standard output too."""
    sentence = session.sentence(" ".join(sentence.split()))
    try:
        if session.json:
            session.tell({"error": sentence})
            sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    click.echo(f"salestream: {sentence}", err=True)
    return code


def _os_sentence(error: OSError) -> str:
    what = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{error.filename}: {what}" if error.filename else what


def _nobody_reads() -> int:
    """Whatever is still in the buffer goes nowhere, without complaint, when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return SIGPIPE


def _never_fail_on_a_character() -> None:
    """A terminal that knows no Chinese gets escapes instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
