"""People: what they do."""

from typing import Final

from projections import people_sources, sources
from projections.formula import Constant, Part
from projections.kpi import Kpi, count_of, money_of

touchpoints = count_of("touchpoints", sources.TOUCHPOINTS)
rep_days = Part(name="rep_days", special="rep_days")
PER_CENT: Final = Constant(number=10_000)
"""Millionths in a percent."""
agreement = Part(name="shares_ppm", source=sources.COLLABORATION, expression="amount")
opinions = count_of("answers", sources.COLLABORATION)
gain = Part(name="gains_ppm", source=people_sources.TRAINED, expression="amount")
measured = count_of("trainings", people_sources.TRAINED)
own_change = money_of("trained_change", people_sources.SOLD_TRAINED)
trainings = count_of("trainings", people_sources.TRAININGS)
other_change = money_of("untrained_change", people_sources.SOLD_UNTRAINED)
compared = count_of("untrained", people_sources.COMPARED)
recent = count_of("open", people_sources.RECENT)

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
    Kpi(
        "collaboration_score",
        "团队协作度",
        "Mean of the answers about collaboration, from 0 to 100.",
        agreement / opinions / PER_CENT,
        "score",
    ),
    Kpi(
        "training_gain",
        "培训提升",
        "Mean gain of a training (score after less score before) in percent of the best score.",
        gain / measured / PER_CENT,
        "score",
    ),
    Kpi(
        "training_effect",
        "培训效果",
        "Mean change of a rep's bookings from the 90 days before a training to the 90 days after it, less the mean "
        "change over the same days of the reps in place who completed none within 90 days.",
        own_change / trainings - other_change / compared,
        "money",
        also=(recent,),
    ),
)
