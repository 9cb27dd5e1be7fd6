"""The catalogue of KPIs as a page: ``projections/README.md`` is generated from the entries."""

from typing import Final

from projections.catalogue import KPIS
from projections.examples import EXAMPLES
from projections.formula import Part
from projections.kpi import Kpi
from projections.periods import GRAINS

_OPENING: Final = f"""
# KPIs: what it means

<!-- Generated from the entries of kpis/ by `make docs`; edit that. -->

Every KPI is declared once, in [`kpis/`](kpis): a formula over *parts*, each of them a sum over rows of
the ledger. Ratios are computed from summed parts, never by averaging ratios; nothing to divide by gives null with a
reason, never 0. A different definition of a known KPI is a *variant* with an id of its own (`win_rate/created`), and
every answer carries the hash of the definition that made it. {len(KPIS)} are declared.

```sh
salestream kpi win_rate --by region --grain quarter
salestream kpi revenue --from 2026-Q3 --to 2026-Q4 --as-of 2026-10-05
salestream explain bookings --where region=华东 --from 2026-11 --to 2026-12
```

- A **flow** belongs to a period; a **stock** stands at a moment, and a period shows its end.
- `grain`: {", ".join(GRAINS)}. Days begin at midnight of the tenant's time zone; `from` is
  included, `to` is not.
- `as_of`: everything as it was known at a recorded time or a position of the journal.
- `fx`: amounts are converted at the rate of the `day`, in force at each amount's own time; at that of its `period`; at
  that of the `plan`; or not at all (`none`), each currency a row of its own. Where a rate is missing, the value is null
  and names the pair.
- `org`: team, region and manager are as the `event` told them, else those of its rep's assignment in force at the time;
  or those of the rep first (`then`); or those of the rep's last assignment (`now`).
- `compare`: with the period before (`previous`) or the same of the year before (`year`): its value and parts, the
  change and the growth. The same of the year before are the same dates, 29 February with the 28th, and whole months
  with whole months; a week is compared with that of 52 weeks before, so that weekdays meet.
- `limit` gives so many rows; with `rest` so many cells, those with the most over the whole stretch (with the least
  where `order` is `value`), and all others as one, in each period. What is counted once is counted once in the rest. Of
  targets each KPI has a rest of its own.
- Targets are of the company or of one rep, team, region or product. `--by rep --where team=…` (`region`, `manager`)
  lists the reps who belong there at the end of the stretch asked for, or now if that comes first; with `org=now` those
  who do now. Each has the whole target and all that was reached, as without it.
- `attributes.<key>` are the free dimensions that your events tell.

How to add one: see the three recipes of [CONTRIBUTING](../CONTRIBUTING.md).
""".strip()

_UNITS: Final = {
    "money": "an amount in the currency of the answer",
    "count": "a count",
    "ratio": "a share; 1 is all",
    "days": "days of 24 hours",
    "minutes": "minutes",
    "per_day": "for each rep and working day",
    "score": "points from -100 to 100",
    "ms": "milliseconds",
    "any": "in the unit of the KPI that the row is about",
}
_WINDOWS: Final = {
    "period": "in the period",
    "point": "until the period's end",
    "so_far": "in the period, up to now",
    "before": "until the period's start",
    "quarter": "in the 90 days before the period's end",
    "year": "in the twelve months before the period's end",
    "start": "standing at the period's start",
    "year_start": "standing twelve months before the period's end",
}
_STATS: Final = {"sum": "", "median": "median of ", "p90": "90th percentile of "}
_SPECIAL: Final = {
    "rep_days": "reps in place times working days of the tenant's calendar",
    "target": "the target in force; a stretch that has none is the sum of those that fill it, where its KPI adds up",
    "actual": "the KPI that the target is set for",
    "days_gone": "working days of the period that are gone, today included",
    "days": "working days of the period",
    "last_year": "the KPI in the same period of the year before",
    "last_year_so_far": "the same, after as many working days as are gone",
    "lifespan": "the setting `SALESTREAM_CUSTOMER_LIFESPAN_YEARS`",
}


def page() -> str:
    """The whole page, in Markdown."""
    return "\n\n".join([_OPENING, _overview(), *map(_section, KPIS)]) + "\n"


def _overview() -> str:
    lines = ["## All KPIs", "", "| id | 中文 | unit | | meaning |", "|---|---|---|---|---|"]
    lines += [f"| [`{kpi.id}`](#{_anchor(kpi)}) | {kpi.zh} | {kpi.unit} | {kpi.kind} | {kpi.meaning} |" for kpi in KPIS]
    return "\n".join(lines)


def _section(kpi: Kpi) -> str:
    better = "neither way" if kpi.better == "neither" else kpi.better
    lines = [
        f"## {_title(kpi)}",
        "",
        kpi.meaning,
        "",
        f"    {kpi.id} = {kpi.formula.words()}",
        "",
        f"A {kpi.kind}, {_UNITS[kpi.unit]}; better: {better}. Source: {kpi.origin}. Definition `{kpi.hash}`.",
        "",
        "| part | what is added up | of which rows | when |",
        "|---|---|---|---|",
        *map(_part, kpi.parts),
        "",
        f"By: {_dimensions(kpi)}.",
        "",
        "An example:",
        "",
        EXAMPLES[kpi.id].words(),
    ]
    return "\n".join(lines)


def _part(part: Part) -> str:
    if part.source is None:
        return f"| `{part.name}` | {_SPECIAL[part.special]} | | {_WINDOWS[part.window]} |"
    added = _STATS.get(part.stat, f"different values of `{part.key}`")
    added += f", where `{part.condition}`" if part.condition else ""
    added += "" if part.stat == "distinct" else f"`{part.expression}`"
    added += " times the probability in force" if part.weighted else ""
    return f"| `{part.name}` | {added} | {part.source.words} | {_WINDOWS[part.window]} |"


def _dimensions(kpi: Kpi) -> str:
    named = sorted(kpi.dims - {"attributes"}) + ["attributes.<key>"] * ("attributes" in kpi.dims)
    return ", ".join(f"`{name}`" + " (always)" * (name in kpi.needs) for name in named)


def _title(kpi: Kpi) -> str:
    return f"{kpi.id} · {kpi.zh}"


def _anchor(kpi: Kpi) -> str:
    """The name that Markdown gives to the section."""
    kept = (each for each in _title(kpi) if each.isalnum() or each in "_- ")
    return "".join(kept).replace(" ", "-").lower()
