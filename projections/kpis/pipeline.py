"""The pipeline: its stages and what stands in them."""

from typing import Final

from projections import sources
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
    key="entity, event, visit_ms",
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
)
