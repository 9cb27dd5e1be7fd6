"""Leads: how many come in, how fast they are answered, what becomes of them."""

from typing import Final

from projections import lead_sources, sources
from projections.formula import MINUTE_MS, Part
from projections.kpi import Kpi, count_of

leads = count_of("leads", sources.LEAD_COHORT)
converted = count_of("converted", sources.LEAD_COHORT, expression="count * won")
_ANSWER: Final = {"source": lead_sources.ANSWERED, "expression": "answer_ms", "unit": "ms", "key": "lead, answer_ms"}
answer_median = Part(name="median_ms", stat="median", **_ANSWER)  # type: ignore[arg-type]
answer_p90 = Part(name="p90_ms", stat="p90", **_ANSWER)  # type: ignore[arg-type]
answered = count_of("answered", lead_sources.ANSWERED)
came_in = count_of("leads", lead_sources.RESPONSES)
unanswered = count_of("unanswered", lead_sources.RESPONSES, expression="if(answered, 0, count)")

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
    Kpi(
        "speed_to_lead",
        "线索响应时间",
        "Median minutes from a lead's coming in to the first outbound touchpoint on it that a person made.",
        answer_median / MINUTE_MS,
        "minutes",
        "lower",
        also=(answered,),
    ),
    Kpi(
        "speed_to_lead/p90",
        "线索响应时间（九成以内）",
        "The minutes within which 90 % of the answered leads were answered (nearest rank).",
        answer_p90 / MINUTE_MS,
        "minutes",
        "lower",
        also=(answered,),
    ),
    Kpi(
        "speed_to_lead/unanswered",
        "未响应线索占比",
        "Of the leads created in the period, the share that no person has answered so far.",
        unanswered / came_in,
        "ratio",
        "lower",
    ),
)
