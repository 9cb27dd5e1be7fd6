"""``demo``: a simulated company lives in fast motion, through the real path, on a wallboard and in the terminal."""

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from services.cli.session import BAD_USAGE, Problem, Session, shared

if TYPE_CHECKING:
    from services.workspace import Workspace


@click.command(short_help="Watch a simulated company live in fast motion.")
@click.option("--seconds", type=click.FloatRange(0.1, 86_400), metavar="N", help="End after so many seconds.")
@click.option("--headless", is_flag=True, help="Show nothing, neither dashboard nor wallboard; only the summary.")
@click.option("--no-browser", is_flag=True, help="Serve the wallboard, but do not open a browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where the wallboard is.  [default: any free]")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Another seed is another company.")
@click.option("--years", type=click.IntRange(1, 50), default=2, show_default=True, help="How long it lives.")
@click.option("--reps", type=click.IntRange(1, 10_000), default=40, show_default=True, help="How many sell.")
@click.option(
    "--into", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write its events to a file."
)
@shared
@click.pass_obj
def demo(
    session: Session, seconds: float | None, headless: bool, no_browser: bool, port: int, seed: int, years: int,
    reps: int, into: Path | None,
) -> None:  # fmt: skip
    """Let a simulated company live in fast motion and watch its KPIs; needs nothing but Python.

    The wallboard shows it live in a browser, and stays until Ctrl-C. Without --data the company lives in a new
    temporary folder, which stays, so that you can ask on.
    """
    from rich.console import Console

    from services.simulator.company import Company
    from services.simulator.demo import run_demo

    if "data" not in session.settings.model_fields_set:
        session.data = Path(tempfile.mkdtemp(prefix="salestream-demo-"))
    company = Company(seed=seed, years=years, reps=reps)
    headless = headless or session.json
    with session.workspace() as workspace, _wall(session, workspace, headless, port) as address:
        if address and not no_browser:
            _open(address)
        summary = run_demo(
            workspace, company, seconds=seconds, headless=headless, console=Console(), into=into, address=address
        )
        folder = workspace.folder
    if session.json:
        session.tell(summary.as_json() | {"data": str(folder)})
        return
    session.say(summary.text(session.settings.lang))
    session.say()
    session.say(session.t("The books of this company are in {folder}; ask them:").format(folder=folder))
    for question in ("kpi revenue --by region --grain quarter", f"explain deals_won --from {summary.simulated_to}"):
        session.say(f"  salestream {question} --data {shlex.quote(str(folder))}")


@contextmanager
def _wall(session: Session, workspace: "Workspace", headless: bool, port: int) -> Iterator[str | None]:
    """The wallboard, served for as long as the company lives; its address. None where nobody is to watch."""
    if headless:
        yield None
        return
    from services.gateway import logs
    from services.gateway.server import address_of, bound, served_beside
    from services.gateway.wiring import watching
    from services.keys.sqlite import SqliteKeys

    logs.start()
    try:
        at = bound("127.0.0.1", port)
    except OSError as error:
        raise Problem(f"cannot listen on port {port}: {error.strerror}; choose another --port", BAD_USAGE) from error
    with (
        at,
        SqliteKeys(workspace.settings.keys_path) as keys,
        watching(workspace, keys, lambda cut: cut.recorded_ms) as app,
        served_beside(app, at),
    ):
        address = address_of(at)
        session.say(session.t("The wallboard of this company: {address}").format(address=address))
        click.get_text_stream("stdout").flush()
        yield address


def _open(address: str) -> None:
    """Open a browser, where there is a person and a screen for one."""
    screen = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if sys.stdout.isatty() and screen and "SSH_CONNECTION" not in os.environ:
        import webbrowser

        webbrowser.open(address)
