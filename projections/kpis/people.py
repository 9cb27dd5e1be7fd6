"""People: what they do."""

from typing import Final

from projections import sources
from projections.formula import Part
from projections.kpi import Kpi, count_of

touchpoints = count_of("touchpoints", sources.TOUCHPOINTS)
rep_days = Part(name="rep_days", special="rep_days")

KPIS: Final = (
    Kpi(
        "touchpoints",
        "客户接触次数",
        "Times a rep and a customer were in touch, machines left out.",
        touchpoints,
        "count",
    ),
    Kpi(
        "touchpoints_per_rep_day",
        "每日接触次数",
        "Touchpoints for each rep in place and working day; a day counts in every period that it overlaps.",
        touchpoints / rep_days,
        "per_day",
    ),
)
