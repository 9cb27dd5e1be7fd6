"""What was asked and done from the command line, in the audit journal."""

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from services.settings import Settings

ASKS: Final = frozenset(
    {
        "kpi", "explain", "changes", "history", "export", "dispute pack", "verify", "audit", "digest", "attest",
        "replay", "what-if", "definitions diff", "dead-letters list", "dead-letters show", "inbox list", "inbox show",
        "status", "keys list", "subject erased", "trail",
    }
)  # fmt: skip
"""Verbs that show something of the books."""
DOES: Final = frozenset({"backup", "restore", "rebuild", "rollback", "move", "setup", "inbox prune"})
"""Verbs that change something. Others note it themselves, and what is told is in the journal."""

Verb = TypeVar("Verb", bound=Callable[..., Any])


def noted(verb: Verb) -> Verb:
    """Notes each run of a verb that asks or does something, with its exit code."""

    @wraps(verb)
    def run(*args: Any, **kwargs: Any) -> Any:
        result, ended = None, False
        try:
            result = verb(*args, **kwargs)
            ended = True
        finally:
            if not ended:
                _note_failed(sys.exception())
        _note(result if isinstance(result, int) else 0)
        return result

    return run  # type: ignore[return-value]


def _note_failed(error: BaseException | None) -> None:
    from services.cli.app import code_of
    from services.cli.session import FAILED, Problem
    from services.trail import AuditError

    with suppress(AuditError, Problem, OSError):  # what went wrong first is what is told
        _note(FAILED if error is None else code_of(error))


def _note(code: int) -> None:
    context = click.get_current_context()
    path = context.command_path.partition(" ")[2]
    if path not in ASKS | DOES:
        return
    from services.cli.session import Session

    session = context.find_object(Session)
    assert session is not None, "main hands a session over"
    settings = session.settings
    if path == "restore" and code and not settings.trail_path.exists():
        return  # nothing was put in place, and a file in the folder would be in the way of the next try
    if settings.data.is_dir():
        _write(settings, path, " ".join([path, *_told(context)]), code)


def _write(settings: "Settings", path: str, asked: str, code: int) -> None:
    from services.trail import LONGEST, Change, audited, local_user

    with audited(settings) as audit:
        if path in ASKS:
            audit.asked(
                tenant=settings.tenant, who=local_user(), route=f"salestream {path}", asked=asked, status=code, cut=None
            )
        else:
            done = {"command": asked[:LONGEST], "code": code}
            audit.changed(Change("command.run", settings.tenant, local_user(), done))


def _told(context: click.Context) -> list[str]:
    """What was told after the verb, as ``name=value``, without who we are at a server."""
    told = []
    for name, value in context.params.items():
        if value and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            values = value if isinstance(value, tuple) else (value,)
            told += [f"{name}={_without_user(str(each))}" for each in values]
    return told


def _without_user(value: str) -> str:
    scheme, mark, rest = value.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if mark else value
