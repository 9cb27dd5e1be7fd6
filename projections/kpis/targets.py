"""Targets: how far they are reached, and what is left to reach them with."""

from typing import Final

from projections import deal_sources
from projections.formula import Part, Remaining
from projections.kpi import Kpi, money_of
from projections.kpis.money import refunds, sales

actual = Part(name="actual", special="actual", unit="any")
target = Part(name="target", special="target", unit="any")
revenue_target = Part(name="target", special="target", unit="money")
gone = Part(name="days_gone", special="days_gone")
days = Part(name="working_days", special="days")
last_so_far = Part(name="last_year_so_far", special="last_year_so_far", unit="any")
last = Part(name="last_year", special="last_year", unit="any")
closing = money_of("closing", deal_sources.CLOSING)

KPIS: Final = (
    Kpi(
        "quota_attainment",
        "目标达成率",
        "The KPI that a target is set for over the target in force, in the same period and scope. By rep, team, region "
        "or product: the targets of each; without one of them: those of the company.",
        actual / target,
        "ratio",
        needs=frozenset({"kpi"}),
        scoped=True,
    ),
    Kpi(
        "quota_attainment/pace",
        "目标进度（按工作日）",
        "The same over what would be reached by now if every working day brought as much; 1 is on pace. Today counts "
        "as gone.",
        actual / (target * gone / days),
        "ratio",
        needs=frozenset({"kpi"}),
        scoped=True,
    ),
    Kpi(
        "quota_attainment/pace_last_year",
        "目标进度（按去年走势）",
        "The same over what would be reached by now if this year went as the last: the share of its whole that the "
        "same period of last year had reached after as many working days.",
        actual / (target * last_so_far / last),
        "ratio",
        needs=frozenset({"kpi"}),
        scoped=True,
    ),
    Kpi(
        "pipeline_coverage",
        "商机覆盖率",
        "Open pipeline that is expected to close in the period over what its revenue target still lacks.",
        closing / Remaining(operands=(revenue_target, sales - refunds)),
        "ratio",
        aim="revenue",
        scoped=True,
    ),
)
