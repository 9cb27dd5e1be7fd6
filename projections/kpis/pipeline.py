"""The pipeline: its stages and what stands in them."""

from typing import Final

from projections import deal_sources, sources
from projections.formula import DAY_MS, Part
from projections.kpi import Kpi, count_of, money_of

entered = count_of("entered", sources.ENTRIES)
reached = count_of("reached", sources.ENTRIES, expression="count * reached")
entries_open = count_of("open", sources.ENTRIES, expression="count * open")
exits = count_of("exits", sources.VISITS)
forward = count_of("forward", sources.VISITS, expression="count * forward")
visit = Part(name="visit_ms", source=sources.VISITS, expression="count * visit_ms", unit="ms")
visit_n = count_of("n", sources.VISITS)
visit_median = Part(
    name="median_ms",
    source=sources.VISITS,
    expression="visit_ms",
    unit="ms",
    stat="median",
    key="event, visit_ms",
)


def _flow(name: str, expression: str) -> Part:
    return money_of(name, sources.PIPELINE, expression, window="so_far")


start = money_of("start", sources.PIPELINE, window="before")
end = money_of("end", sources.PIPELINE, window="point")
new = _flow("new", "if(kind = 'created', amount, 0)")
increased = _flow("increased", "multiIf(kind = 'raised', amount - cost, kind = 'replaced', amount, 0)")
decreased = _flow("decreased", "multiIf(kind = 'lowered', cost - amount, kind = 'dropped', -amount, 0)")
gone_won = _flow("won", "if(outcome = 'won', -amount, 0)")
gone_lost = _flow("lost", "if(outcome = 'lost', -amount, 0)")
back = _flow("reopened", "if(kind = 'reopened', amount, 0)")
moved = _flow(
    "transferred",
    "multiIf(kind IN ('same', 'raised', 'lowered'), cost, kind = '' AND outcome IN ('moved', 'changed'), amount, 0)",
)
stalled = count_of("stalled", deal_sources.STALLED, window="point")
stalled_ms = Part(
    name="age_ms", source=deal_sources.STALLED, window="point", expression="count * (e - 1) - began_ms", unit="ms"
)

KPIS: Final = (
    Kpi(
        "stage_conversion",
        "漏斗转换率",
        "By stage: of the deals that entered it in the period, the share that reached a later stage or won so far.",
        reached / entered,
        "ratio",
        also=(entries_open,),
        needs=frozenset({"stage"}),
    ),
    Kpi(
        "stage_conversion/period",
        "漏斗转换率（按期间）",
        "By stage: moves forward among all exits in the period.",
        forward / exits,
        "ratio",
        needs=frozenset({"stage"}),
    ),
    Kpi(
        "stage_days",
        "阶段停留",
        "By stage: mean days of a finished visit.",
        visit / visit_n / DAY_MS,
        "days",
        "lower",
        needs=frozenset({"stage"}),
    ),
    Kpi(
        "stage_days/median",
        "阶段停留（中位数）",
        "By stage: median days of a finished visit.",
        visit_median / DAY_MS,
        "days",
        "lower",
        also=(visit_n,),
        needs=frozenset({"stage"}),
    ),
    Kpi(
        "pipeline_value",
        "商机金额",
        "Amount of open deals.",
        money_of("pipeline", sources.PIPELINE, window="point"),
        "money",
    ),
    Kpi(
        "open_deals",
        "进行中商机数",
        "Deals neither won nor lost.",
        count_of("deals", sources.PIPELINE, window="point"),
        "count",
    ),
    Kpi(
        "weighted_pipeline",
        "加权商机金额",
        "Amount of open deals times the probability in force: the deal's own, else its stage's.",
        money_of("pipeline", sources.PIPELINE, window="point", weighted=True),
        "money",
    ),
    Kpi(
        "pipeline_bridge",
        "商机金额变动",
        "How the pipeline came to its end: its start, what is new, increased, reopened or came from elsewhere, less "
        "what decreased, was won or lost. Transferred: between stages or owners, and to the rate of the day.",
        start + new + increased + back + moved - decreased - gone_won - gone_lost,
        "money",
        "neither",
        also=(end,),
    ),
    Kpi(
        "stalled_deals",
        "停滞商机",
        "Open deals that stand in their stage longer than 90 % of all finished visits to it did (nearest rank).",
        stalled,
        "count",
        "lower",
        also=(stalled_ms,),
    ),
)
