"""``demo``: a simulated company lives in fast motion, through the real path."""

import shlex
import tempfile
from pathlib import Path

import click

from services.cli.session import Session, shared


@click.command(short_help="Watch a simulated company live in fast motion.")
@click.option("--seconds", type=click.FloatRange(0.1, 86_400), metavar="N", help="End after so many seconds.")
@click.option("--headless", is_flag=True, help="Show no dashboard, only the summary at the end.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Another seed is another company.")
@click.option("--years", type=click.IntRange(1, 50), default=2, show_default=True, help="How long it lives.")
@click.option("--reps", type=click.IntRange(1, 10_000), default=40, show_default=True, help="How many sell.")
@click.option(
    "--into", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write its events to a file."
)
@shared
@click.pass_obj
def demo(
    session: Session, seconds: float | None, headless: bool, seed: int, years: int, reps: int, into: Path | None
) -> None:
    """Let a simulated company live in fast motion and watch its KPIs; needs nothing but Python.

    Without --data it lives in a new temporary folder, which stays, so that you can ask on.
    """
    from rich.console import Console

    from services.simulator.company import Company
    from services.simulator.demo import run_demo

    if "data" not in session.settings.model_fields_set:
        session.data = Path(tempfile.mkdtemp(prefix="salestream-demo-"))
    company = Company(seed=seed, years=years, reps=reps)
    headless = headless or session.json
    with session.workspace() as workspace:
        summary = run_demo(workspace, company, seconds=seconds, headless=headless, console=Console(), into=into)
        folder = workspace.folder
    if session.json:
        session.tell(summary.as_json() | {"data": str(folder)})
        return
    session.say(summary.text(session.settings.lang))
    session.say()
    session.say(session.t("The books of this company are in {folder}; ask them:").format(folder=folder))
    for question in ("kpi revenue --by region --grain quarter", f"explain deals_won --from {summary.simulated_to}"):
        session.say(f"  salestream {question} --data {shlex.quote(str(folder))}")
