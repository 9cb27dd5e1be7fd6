"""``serve``: the gateway over HTTP, and beside it the posting of what it takes."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from services.cli.session import BAD_USAGE, FINE, Problem, Session, shared

if TYPE_CHECKING:
    from services.gateway.app import Application
    from services.keys.port import KeyStore
    from services.settings import Settings


@click.command(short_help="Take events over HTTP, until stopped.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--as-of", metavar="MOMENT|POSITION", help="Show the books as they were known then, and take nothing.")
@shared
@click.pass_obj
def serve(session: Session, host: str, port: int, as_of: str | None) -> int:
    """Take events over HTTP and post them to the ledger, until SIGTERM or Ctrl-C; then finish what was begun.

    Callers need a key: see `salestream keys`. What there is to ask is on the page /docs. With a journal on Kafka and
    a store on a ClickHouse server, workers do the posting. The log goes to standard error.
    """
    from services.clock import now_ms
    from services.gateway import logs
    from services.gateway.access import is_loopback
    from services.gateway.server import address_of, bound
    from services.gateway.server import serve as run
    from services.keys.sqlite import SqliteKeys

    settings = session.settings
    logs.start()
    with SqliteKeys(settings.keys_path) as keys:
        usable = any(key.state(now_ms()) == "active" for key in keys.listed())
        if not is_loopback(host) and not usable:
            raise Problem(
                f"nobody has a key, so nobody could tell anything over {host}; make one with `salestream keys "
                "create`, or listen on 127.0.0.1",
                BAD_USAGE,
            )
        try:
            at = bound(host, port)
        except OSError as error:
            raise Problem(_taken(host, port, error)) from error
        told: dict[str, Any] = {"address": address_of(at), "key": _needs_key(settings, host), "keys": usable}
        with at, _application(session, settings, keys, host, as_of, told["address"]) as (app, beside):
            run(app, at, beside=beside, started=lambda: _started(session, told))
    return FINE


@contextmanager
def _application(
    session: Session, settings: "Settings", keys: "KeyStore", host: str, as_of: str | None, address: str
) -> "Iterator[tuple[Application, Future[None] | None]]":
    from services.control import Desk
    from services.gateway.wiring import alone, embedded
    from services.replay.verbs import verbs_of

    if settings.posted_by_workers:
        from services.workspace import journal_alone

        with journal_alone(settings) as journal, alone(settings, journal, keys, host, as_of) as app:
            yield app, None
        return
    with session.workspace() as workspace:
        session.post(workspace, workspace.journal.tenants())
        workspace.books().cut(as_of)  # said now, where there is no such moment
        workspace.answers_at(address)
        with embedded(workspace, keys, host, as_of) as (app, follower), Desk(workspace.folder, verbs_of(workspace)):
            yield app, follower.done


def _needs_key(settings: "Settings", host: str) -> bool:
    from services.gateway.wiring import open_to

    return open_to(settings, host) is None


def _started(session: Session, told: dict[str, Any]) -> None:
    if session.json:
        session.tell(told)
    else:
        t: Callable[[str], str] = session.t
        session.say(t("Listening on {address}; what there is: {address}/docs").format(address=told["address"]))
        if told["key"] and not told["keys"]:
            session.say(t("Nobody has a key yet; make one: salestream keys create"))
        if not told["key"]:
            session.say(t("Programs on this machine need no key."))
    click.get_text_stream("stdout").flush()


def _taken(host: str, port: int, error: OSError) -> str:
    problem = (error.strerror or str(error)).lower()
    return f"cannot listen on {host} port {port}: {problem}; choose another with --host and --port"
