"""Surveys: what customers say."""

from typing import Final

from projections import sources
from projections.formula import Constant
from projections.kpi import Kpi, count_of

csat_answers, satisfied = count_of("answers", sources.CSAT), count_of("satisfied", sources.SATISFIED)
nps_answers, promoters, detractors = (
    count_of("answers", sources.NPS),
    count_of("promoters", sources.PROMOTERS),
    count_of("detractors", sources.DETRACTORS),
)
latest_csat = count_of("answers", sources.LATEST_CSAT)
latest_satisfied = count_of("satisfied", sources.LATEST_CSAT, expression="outcome = 'satisfied'")
latest_nps = count_of("answers", sources.LATEST_NPS)
latest_promoters = count_of("promoters", sources.LATEST_NPS, expression="outcome = 'promoter'")
latest_detractors = count_of("detractors", sources.LATEST_NPS, expression="outcome = 'detractor'")
hundred = Constant(number=100)

KPIS: Final = (
    Kpi("csat", "客户满意度", "Share of csat answers that reach 0.8 of the scale.", satisfied / csat_answers, "ratio"),
    Kpi(
        "csat/customers",
        "客户满意度（按受访者）",
        "The same, of each respondent's latest answer in the period.",
        latest_satisfied / latest_csat,
        "ratio",
    ),
    Kpi(
        "nps",
        "净推荐值",
        "Percentage of promoters (9-10) less percentage of detractors (0-6), of all answers.",
        (promoters - detractors) / nps_answers * hundred,
        "score",
    ),
    Kpi(
        "nps/latest",
        "净推荐值（最新回答）",
        "The same, of each respondent's latest answer in the period.",
        (latest_promoters - latest_detractors) / latest_nps * hundred,
        "score",
    ),
)
