"""``make bench``: takes all figures and prints them; ``--write`` puts them into benchmarks/README.md."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import gateway, kafka, kpis, questions, replay, wallboard, work
from benchmarks.measure import Figure, commanded, taken

PAGE: Final = Path(__file__).with_name("README.md")
_MARK: Final = "<!-- figures -->"
_TOLD: Final = " events told"


def main() -> None:
    """Measure what was asked for, the ledger at each size, smallest first."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(_PARTS)}; default: all")
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes of the ledger")
    parser.add_argument("--write", action="store_true", help="write the figures into benchmarks/README.md")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(_PARTS):
        parser.error(f"{min(unknown)} is no part; allowed: {', '.join(_PARTS)}")
    taken_by = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}."
    told: list[str] = []
    for part in options.parts or _PARTS:
        told += _PARTS[part](options.events)
    print("\n".join([taken_by, "", *told]))
    if options.write:
        head, _, before = PAGE.read_text("utf-8").partition(_MARK)
        kept = _sections(before) if options.parts else {}
        if "ledger" in options.parts:
            kept = {name: text for name, text in kept.items() if not name.endswith(_TOLD)}
        found = kept | _sections("\n".join(told))
        text = "\n\n".join(found[name] for name in sorted(found, key=_place))
        PAGE.write_text(f"{head}{_MARK}\n{taken_by}\n\n{text}\n", "utf-8")


def _sections(text: str) -> dict[str, str]:
    """The parts of a page by their headings."""
    parts = (part.strip() for part in f"\n{text}".split("\n## ")[1:])
    return {part.splitlines()[0]: f"## {part}" for part in parts}


def _place(heading: str) -> tuple[int, int, str]:
    """The ledger first, by size; then the others by name."""
    return (0, int(heading.split()[0].replace(",", "")), "") if heading.endswith(_TOLD) else (1, 0, heading)


LEAST_S: Final = 0.2
"""Less than this is lost in the noise of starting a process."""
LARGE: Final = 5_000_000
"""From so many events on each KPI is asked few times."""


@dataclass(frozen=True)
class Taken:
    """What was measured at one size."""

    told: int
    simulated: Figure
    ingested: Figure
    nothing: Figure
    rebuilt: Figure
    yardstick: Figure
    asked: Figure


def ledger(sizes: Sequence[int]) -> list[str]:
    """The figures at each size, smallest first, and how they grow, as Markdown."""
    found: list[Taken] = []
    lines: list[str] = []
    for events in sorted(sizes):
        found.append(measured(events))
        told = _told(found[-1])
        print("\n".join(told), file=sys.stderr, flush=True)  # the next size may take long
        lines += told
    return [*lines, *_growth(found)] if len(found) > 1 else lines


def measured(events: int) -> Taken:
    """The figures at one size."""
    with tempfile.TemporaryDirectory() as folder:
        path, data = Path(folder) / "events.jsonl", Path(folder) / "data"
        simulated = taken(work.simulate, path, events)
        told = int(simulated.result)
        ingested = commanded(work.ingest_command(data, path), work.SOME_REFUSED)
        nothing = taken(work.empty, data)
        rebuilt = taken(work.rebuild_all, data)
        yardstick = taken(work.sql_yardstick, data)
        asked = taken(kpis.ask_all, data, kpis.ROUNDS if events < LARGE else kpis.FEW)
    return Taken(told, simulated, ingested, nothing, rebuilt, yardstick, asked)


def _told(figures: Taken) -> list[str]:
    told, nothing, yardstick = figures.told, figures.nothing, figures.yardstick
    lines = [f"## {told:,}{_TOLD}", "", "| what | events/s | of the SQL yardstick | CPU µs an event | peak MiB |"]
    lines += ["|---|---|---|---|---|"]
    rate = _rate(yardstick, nothing, int(yardstick.result))
    for name, figure, count in (
        ("simulate (one process)", figures.simulated, told),
        ("ingest: validate, journal, post", figures.ingested, told),
        ("rebuild: all lines anew, proof, exchange", figures.rebuilt, int(figures.rebuilt.result)),
        ("SQL yardstick: one window query", yardstick, int(yardstick.result)),
    ):
        less = None if figure is figures.simulated else nothing
        speed = _rate(figure, less, count)
        cpu = figure.cpu_seconds / count * 1e6
        told_speed = "too short to tell" if speed is None else f"{speed:,.0f}"
        ratio = f"{speed / rate:.2f}" if speed and rate else "–"
        lines.append(f"| {name} | {told_speed} | {ratio} | {cpu:.1f} | {figure.peak_mib:,.0f} |")
    return [*lines, "", *kpis.page(figures.asked.result, figures.asked.peak_mib), ""]


def _growth(found: Sequence[Taken]) -> list[str]:
    """A line a size. Of a KPI's times the median is meant."""
    lines = ["## How the ledger grows", "", "| | " + " | ".join(f"{each.told:,}" for each in found) + " |"]
    lines.append("|---" * (len(found) + 1) + "|")
    for name, cell in (
        ("ingest: CPU µs an event", lambda each: f"{each.ingested.cpu_seconds / each.told * 1e6:.1f}"),
        ("ingest: peak MiB", lambda each: f"{each.ingested.peak_mib:,.0f}"),
        ("rebuild: CPU µs an event", lambda each: f"{each.rebuilt.cpu_seconds / int(each.rebuilt.result) * 1e6:.1f}"),
        ("rebuild: peak MiB", lambda each: f"{each.rebuilt.peak_mib:,.0f}"),
        ("opening and closing: s", lambda each: f"{each.nothing.seconds:.1f}"),
        ("the quickest quarter of KPIs is below ms", lambda each: _quantile(each, 1, 4)),
        ("half of the KPIs are below ms", lambda each: _quantile(each, 1, 2)),
        ("the slowest KPI: ms", lambda each: _quantile(each, 1, 1)),
        ("KPIs", lambda each: kpis.summary(each.asked.result["kpis"])),
        ("all questions: peak MiB", lambda each: f"{each.asked.peak_mib:,.0f}"),
    ):
        lines.append(f"| {name} | " + " | ".join(map(cell, found)) + " |")
    return [*lines, ""]


def _quantile(figures: Taken, share: int, of: int) -> str:
    """The median time of the KPI below which a share of them lie."""
    medians = sorted(kpis.percentile(rest, 50) for _, rest in figures.asked.result["kpis"].values())
    return f"{medians[len(medians) * share // of - 1]:,.0f}"


def _rate(figure: Figure, nothing: Figure | None, count: int) -> float | None:
    """Events a second, without what opening the engine costs; None where that is nearly all of it."""
    seconds = figure.seconds - (nothing.seconds if nothing else 0)
    return count / seconds if seconds > LEAST_S else None


_PARTS: Final[dict[str, Callable[[Sequence[int]], list[str]]]] = {
    "ledger": ledger,
    "questions": questions.measured,
    "replay": replay.measured,
    "gateway": lambda sizes: gateway.measured(),
    "wallboard": lambda sizes: wallboard.measured(),
    "kafka": lambda sizes: kafka.measured(),
}
