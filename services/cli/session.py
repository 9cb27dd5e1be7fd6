"""One run of the command line: what was asked for of every verb, and the folder, the output and the errors."""

import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import click

from services.cli.helping import Spoken
from services.cli.noted import noted
from services.words import in_chinese

if TYPE_CHECKING:
    from pydantic import ValidationError

    from projections.definitions import Calendar
    from services.books import Books
    from services.settings import Settings
    from services.workspace import Workspace

FINE: Final = 0
FAILED: Final = 1
BAD_USAGE: Final = 2
SOME_REFUSED: Final = 3
STOPPED: Final = 130
"""Ctrl-C, as shells have it."""

Verb = TypeVar("Verb", bound=Callable[..., Any])


class Problem(Exception):
    """Something the command line cannot do. One sentence says what and what is allowed; ``code`` is the exit code."""

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.code = code


class Stopped(Exception):
    """Ctrl-C, before click makes something else of it."""


class PipeClosed(Exception):
    """Nobody reads our output any more."""


class Verbs(click.Group):
    """Verbs in the order in which they were added; what is none of them is refused with those that are."""

    context_class = Spoken

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        cmd.context_class = Spoken
        cmd.short_help = cmd.short_help or (cmd.help and cmd.help.partition(".")[0] + ".")
        super().add_command(cmd, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not self.invoke_without_command:
            raise click.UsageError(f"{ctx.command_path} needs a verb; allowed: {', '.join(self.commands)}")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(f"{args[0]!r} is no verb of {ctx.command_path}; allowed: {', '.join(self.commands)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise PipeClosed from error
        finally:
            if _interrupted(cause := sys.exception()):
                raise Stopped from cause


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C came before: an import that it broke off may fail in another way, and so may cleaning up."""
    while error is not None:
        native = isinstance(error, ImportError) and str(error).startswith(KeyboardInterrupt.__name__)
        if native or isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


class Session:
    """What was asked for before or after the verb, and what follows from it."""

    def __init__(self) -> None:
        self.data: Path | None = None
        self.tenant: str | None = None
        self.lang: str | None = None
        self.json: bool = False
        self._calendar: Calendar | None = None

    @property
    def settings(self) -> "Settings":
        """The settings: the command line's, else the environment's. Raises Problem."""
        from pydantic import ValidationError

        from services.settings import Settings

        told = {"data": self.data, "tenant": self.tenant, "lang": self.lang}
        try:
            settings = Settings(**{name: value for name, value in told.items() if value is not None})  # type: ignore[arg-type]
            _ = settings.journal_path, settings.store_place
        except ValidationError as error:
            raise Problem(_refused_setting(error), BAD_USAGE) from error
        except ValueError as error:
            raise Problem(f"a setting cannot be used: {error}", BAD_USAGE) from error
        self.lang = settings.lang
        return settings

    @contextmanager
    def workspace(self) -> Iterator["Workspace"]:
        """The data folder, opened and owned by this process."""
        from services.workspace import Workspace

        gc.set_threshold(200_000, 20, 100)  # events hold no cycles; looking for some costs a third of the time
        with Workspace(self.settings) as workspace:
            yield workspace

    @contextmanager
    def books(self) -> Iterator["Books"]:
        """The tenant's books, with everything in its journal posted."""
        with self.workspace() as workspace:
            tenant = workspace.settings.tenant
            self.post(workspace, [tenant])
            books = workspace.books(tenant)
            self.live_by(books)
            yield books

    def live_by(self, books: "Books") -> None:
        """From now on people read moments as the clocks of these books show them."""
        self._calendar = books.definitions(books.cut(None).position).calendar

    def live_in(self, workspace: "Workspace", tenant: str) -> None:
        """The same by the books of a tenant, as far as they are posted; machines do not ask."""
        if not self.json:
            self.live_by(workspace.books(tenant))

    def live_beside(self) -> None:
        """The same by the tenant's journal, where another process may own the data folder; machines do not ask."""
        from services.journal.calendar import calendar_in
        from services.journal.sqlite import SqliteJournal

        settings = self.settings
        if self.json or not settings.journal_path.exists():
            return
        with SqliteJournal(settings.journal_path, read_only=True) as journal:
            self._calendar = calendar_in(journal, settings)

    def moment(self, told: str) -> str:
        """A moment of an answer, as people read it; without books, by the setting of the time zone."""
        from events.envelope import to_ms, to_text

        at_ms = to_ms(datetime.fromisoformat(told))
        if self._calendar:
            return self._calendar.text(at_ms)
        return to_text(at_ms, ZoneInfo(self.settings.timezone))

    def post(self, workspace: "Workspace", tenants: list[str]) -> None:
        """Bring the ledgers of these tenants to the head of their journals, unless workers do that."""
        if workspace.settings.posted_by_workers:
            return
        journal, store = workspace.journal, workspace.store
        behind = sum(journal.head(tenant).position - store.checkpoint(tenant).position for tenant in tenants)
        with self.progress("posting to the ledger", behind) as advance:
            for tenant in tenants:
                workspace.post(tenant, store, advance)

    @contextmanager
    def progress(self, what: str, total: int | None, *, sized: bool = False) -> Iterator[Callable[[int], None]]:
        """A progress bar on standard error, where a person watches it; ``sized``: of bytes. Give it what was done."""
        if (total is not None and total <= 0) or not sys.stderr.isatty():
            yield lambda done: None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        amount = DownloadColumn() if sized else MofNCompleteColumn()
        columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(self.t(what), total=total)
            yield lambda done: bar.advance(task, done)

    def t(self, text: str) -> str:
        """A text in the language of the person."""
        if self.lang is None:
            _ = self.settings
        return in_chinese(text) if self.lang == "zh" else text

    def sentence(self, english: str) -> str:
        """A sentence that says what is wrong, in the language of the person."""
        if self.lang != "zh":
            return english
        from services.sentences import sentence

        return sentence(english)

    def say(self, text: str = "") -> None:
        """A line for people."""
        click.echo(text)

    def tell(self, data: Any) -> None:
        """A result for machines."""
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def _refused_setting(error: "ValidationError") -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    option = f" (or --{name})" if name in ("data", "tenant", "lang") else ""
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        problem = "allowed: 1-64 characters of a-z, 0-9, _ and -"
    return f"SALESTREAM_{name.upper()}{option} cannot be {first['input']!r}: {problem}"


def _told(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None and value is not False:
        session = ctx.find_object(Session)
        assert session is not None, "main hands a session over"
        assert param.name is not None, "an option has a name"
        setattr(session, param.name, value)


_SHARED: Final = (
    click.option(
        "--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", expose_value=False, callback=_told,
        help="Folder of the journal and the store.  [default: salestream-data]",
    ),
    click.option(
        "--tenant", metavar="NAME", expose_value=False, callback=_told, help="Whose books.  [default: default]"
    ),
    click.option(
        "--lang", type=click.Choice(["en", "zh"]), expose_value=False, callback=_told,
        help="Language of what people read.  [default: en]",
    ),
    click.option("--json", is_flag=True, expose_value=False, callback=_told, help="The result as JSON, for machines."),
)  # fmt: skip


def shared(verb: Verb) -> Verb:
    """Gives a verb the options that every verb has; they may stand before or after it. Its runs are noted."""
    verb = noted(verb)
    for option in reversed(_SHARED):
        verb = option(verb)
    return verb
