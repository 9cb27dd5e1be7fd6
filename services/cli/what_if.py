"""``what-if``: the same history under other rules, side by side with reality."""

from pathlib import Path
from typing import Any

import click

from projections.answer import people
from services.cli import show
from services.cli.rebuilding import done
from services.cli.session import Session, shared


@click.command("what-if", short_help="Score the same history under other rules.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="SCENARIO.yaml")
@click.argument("kpis", nargs=-1, metavar="[KPI]…")
@click.option("--by", multiple=True, metavar="DIMENSION", help="Group by it; may be repeated.")
@click.option("--where", multiple=True, metavar="DIMENSION=VALUE", help="Only these; may be repeated.")
@click.option("--grain", default="total", show_default=True, help="hour, day, week, month, quarter, year or total.")
@click.option("--from", "from_", metavar="MOMENT", help="From here on, included.")
@click.option("--to", metavar="MOMENT", help="Up to here, excluded.")
@shared
@click.pass_obj
def what_if(
    session: Session, file: Path, kpis: tuple[str, ...], by: tuple[str, ...], where: tuple[str, ...], grain: str,
    from_: str | None, to: str | None,
) -> None:  # fmt: skip
    """Answer KPIs (all where none is named) as history was, and as it would be scored under a scenario.

    A scenario names stage probabilities, exchange rates, owners, teams, regions, categories of spend, targets or a cap
    on discounts that would have been told otherwise, or the contacts that wins are credited to; see docs/replay.md. It
    is a re-scoring of what happened, not a prediction.
    """
    from projections.question import question
    from services.replay.scenario import load

    load(file)
    more: dict[str, Any] = {"by": list(by), "where": list(where), "grain": grain, "from_": from_, "to": to}
    asked = [{"kpi": kpi, **more} for kpi in kpis]
    for one in asked:
        question(**one)
    words = {
        "tenant": session.settings.tenant, "scenario": file.read_text("utf-8"), "file": str(file), "asked": asked,
    }  # fmt: skip
    result = done(session, "what-if", words)
    if session.json:
        session.tell(result)
        return
    t = session.t
    rows = [row for pair in result["answers"] for row in _rows(pair)]
    session.say(
        show.table([t(name) for name in ("KPI", "period", "slice", "reality", "scenario")], rows, numbers=[3, 4])
    )
    session.say()
    if result["why_not"]:
        session.say(t("Nothing moved: {why}.").format(why=session.sentence(result["why_not"])))
    if result["credited"]:
        session.say(t("{n} lines of wins are credited to other contacts").format(n=f"{result['credited']:,}"))
    session.say(t("{n} of {all} events are told otherwise; a re-scoring of what happened, not a prediction").format(
        n=f"{result['changed']:,}", all=f"{result['events']:,}"
    ))  # fmt: skip


def _rows(pair: dict[str, Any]) -> list[list[str]]:
    reality, scenario = pair["reality"], pair["scenario"]
    by = reality["question"].get("by", [])
    name = "/".join(filter(None, (reality["kpi"], reality["variant"])))
    both = [
        {(row["period"], *(row[each] for each in by)): row["value"] for row in one["rows"]}
        for one in (reality, scenario)
    ]
    found = []
    for place in dict.fromkeys((*both[0], *both[1])):
        cell = ", ".join(f"{each}={value or show.DASH}" for each, value in zip(by, place[1:], strict=True))
        values = [people(one.get(place), reality["unit"]) for one in both]
        found.append([show.printable(text) for text in (name, place[0], cell or show.DASH, *values)])
    return found
