"""Leads: how many come in, how fast they are answered, what becomes of them."""

from typing import Final

from projections import sources
from projections.kpi import Kpi, count_of

leads = count_of("leads", sources.LEAD_COHORT)
converted = count_of("converted", sources.LEAD_COHORT, expression="count * won")

KPIS: Final = (
    Kpi("leads_created", "线索数", "Leads that came in.", count_of("leads", sources.LEADS), "count"),
    Kpi("leads_qualified", "合格线索数", "Leads that sales accepted.", count_of("leads", sources.QUALIFIED), "count"),
    Kpi(
        "lead_conversion_rate",
        "线索转化率",
        "Of the leads created in the period, the share with a won deal so far.",
        converted / leads,
        "ratio",
    ),
)
