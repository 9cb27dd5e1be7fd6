"""Growing out of one machine: ``setup`` and ``move``."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from services.cli import show
from services.cli.session import BAD_USAGE, FAILED, FINE, Problem, Session, shared

if TYPE_CHECKING:
    from services.journal.sqlite import SqliteJournal
    from services.settings import Settings


@click.command(short_help="Make the topics and tables that are missing; check the others.")
@shared
@click.pass_obj
def setup(session: Session) -> int:
    """Make what the journal and the store need and do not have yet, and say what is wrong with what is there.

    Changes nothing that exists, so it may be run at any time. Exit code 1 if something is wrong.
    """
    settings = session.settings
    result = {"journal": _journal(settings), "store": _store(settings)}
    problems = result["journal"]["problems"]
    if session.json:
        session.tell(result | {"ok": not problems})
    else:
        _set_up(session, result)
    return FAILED if problems else FINE


def _journal(settings: "Settings") -> dict[str, Any]:
    if not settings.on_kafka:
        return {"created": [], "kept": [], "problems": []}
    from services.kafka.clients import cluster_of
    from services.kafka.topics import plans, set_up

    try:
        cluster = cluster_of(settings)
    except ValueError as error:
        raise Problem(f"a setting cannot be used: {error}", BAD_USAGE) from error
    done = set_up(cluster, plans(settings))
    return {"created": done.created, "kept": done.kept, "problems": done.problems}


def _store(settings: "Settings") -> dict[str, Any]:
    """A store makes its tables when it is opened."""
    from services.store.open import open_store
    from services.workspace import Workspace

    if settings.on_kafka:  # the journal needs no opening, which would read its whole topic
        with closing(open_store(settings)) as store:
            return {"tables": sorted(store.sizes())}
    with Workspace(settings) as workspace:
        return {"tables": sorted(workspace.store.sizes())}


def _set_up(session: Session, result: dict[str, Any]) -> None:
    t, journal = session.t, result["journal"]
    for what, topics in (("made", journal["created"]), ("kept", journal["kept"])):
        if topics:
            session.say(f"{t(what)}: {', '.join(topics)}")
    for problem in journal["problems"]:
        session.say(show.printable(session.sentence(problem)))
    session.say(t("Everything is as it should be.") if not journal["problems"] else t("Something is wrong."))


@click.command(short_help="Carry a journal over to another place.")
@click.option("--from", "from_", required=True, metavar="URL", help="sqlite:///path or kafka://host:9092.")
@click.option("--to", required=True, metavar="URL", help="sqlite:///path or kafka://host:9092.")
@shared
@click.pass_obj
def move(session: Session, from_: str, to: str) -> int:
    """Carry a journal over: events in their places with their recorded times, and dead letters.

    The target must be empty or hold the beginning of the same journal, as after a move that was interrupted, which
    then goes on. What is personal stays sealed, or is sealed on its way if an older version kept it in clear, with the
    keys of this data folder. Ends by comparing the two; exit code 1 if they differ. Stop whatever writes to either
    first.
    """
    from services.clock import now_ms
    from services.journal.move import move as run
    from services.sealing.open import open_vault

    if from_ == to:
        raise Problem("--from and --to are the same journal; allowed: two", BAD_USAGE)
    settings = session.settings
    with ExitStack() as opened:
        source = opened.enter_context(_opened(settings, from_, must_exist=True))
        target = opened.enter_context(_opened(settings, to))
        vault = cache(lambda: opened.enter_context(closing(open_vault(settings))))
        total = sum(source.head(tenant).position for tenant in source.tenants())
        held = sum(target.head(tenant).position for tenant in target.tenants())
        with session.progress("moving", total - held) as advance:
            result = run(source, target, now_ms=now_ms(), progress=advance, vault=vault)
    same = all(each["same"] for each in result["tenants"])
    if session.json:
        session.tell(result | {"same": same})
    else:
        _moved(session, result["tenants"], same)
    return FINE if same else FAILED


@contextmanager
def _opened(settings: "Settings", url: str, *, must_exist: bool = False) -> "Iterator[SqliteJournal]":
    """The journal of a URL; one on Kafka with a mirror of its own for the time of the move."""
    from services.journal.open import open_kafka
    from services.journal.sqlite import SqliteJournal

    if url.startswith("kafka://"):
        with (
            TemporaryDirectory(prefix="salestream-") as folder,
            open_kafka(settings, url, Path(folder) / "m") as opened,
        ):
            yield opened
        return
    try:
        path = settings.model_copy(update={"journal": url}).journal_path
    except ValueError as error:
        raise Problem(f"{url!r} is no journal: {error}", BAD_USAGE) from error
    if not must_exist:
        path.parent.mkdir(parents=True, exist_ok=True)
    with SqliteJournal(path, read_only=must_exist) as file:
        yield file


def _moved(session: Session, tenants: list[dict[str, Any]], same: bool) -> None:
    t = session.t
    if not tenants:
        session.say(t("Nothing was told yet."))
        return
    rows = [
        [each["tenant"], f"{each['position']:,}", f"{each['moved']:,}", t("the same") if each["same"] else t("differs")]
        for each in tenants
    ]
    session.say(show.table([t(name) for name in ("tenant", "position", "moved", "digest")], rows, numbers=[1, 2]))
    session.say()
    session.say(t("Both journals are the same.") if same else t("The journals differ."))
