"""Worked examples: the pipeline."""

from fractions import Fraction
from typing import Final

from events.deals import DealUpdated
from events.planning import PipelineDefined
from events.samples import sample
from projections.example import Example, created, lost, moved, on, won

_PIPELINE: Final = on(
    "2026-01-01",
    sample(
        PipelineDefined,
        pipeline="default",
        stages=[{"stage": "qualified", "probability": "0.2"}, {"stage": "proposal", "probability": "0.5"}],
    ),
)
_VISITS: Final = (
    *(created("2026-03-02", f"D-{number}") for number in (1, 2, 3)),
    moved("2026-03-03", "D-1", "proposal"),
    lost("2026-03-06", "D-2"),
    moved("2026-03-12", "D-3", "proposal"),
)
_QUALIFIED: Final = ("stage=qualified",)

EXAMPLES: Final[dict[str, Example]] = {
    "stage_conversion": Example(
        (
            _PIPELINE,
            created("2026-03-02", "D-1"),
            created("2026-03-03", "D-2"),
            moved("2026-04-20", "D-1", "proposal"),
            lost("2026-03-09", "D-2"),
        ),
        Fraction(1, 2),
        "of D-1 and D-2, which entered qualified in March, D-1 came further so far.",
        where=_QUALIFIED,
    ),
    "stage_conversion/period": Example(
        (
            _PIPELINE,
            created("2026-02-10", "D-1"),
            created("2026-02-11", "D-2"),
            moved("2026-03-09", "D-1", "proposal"),
            lost("2026-03-10", "D-2"),
        ),
        Fraction(1, 2),
        "2 deals left qualified in March, 1 of them forward.",
        where=_QUALIFIED,
    ),
    "stage_days": Example(_VISITS, Fraction(5), "(1 + 4 + 10 days) / 3 visits to qualified.", where=_QUALIFIED),
    "stage_days/median": Example(_VISITS, Fraction(4), "the middle one of 1, 4 and 10 days.", where=_QUALIFIED),
    "pipeline_value": Example(
        (
            created("2026-02-10", "D-1", "60000.00"),
            on("2026-03-09", sample(DealUpdated, deal_id="D-1", amount="70000.00")),
            created("2026-03-02", "D-2", "40000.00"),
            lost("2026-03-20", "D-2"),
        ),
        "70000.00",
        "D-1 at its new amount; D-2 is lost.",
    ),
    "open_deals": Example(
        (created("2026-02-10", "D-1"), created("2026-03-02", "D-2"), won("2026-03-09", "D-2", "5000.00")),
        1,
        "D-1; D-2 is won.",
    ),
    "weighted_pipeline": Example(
        (
            _PIPELINE,
            created("2026-03-02", "D-1", "60000.00", stage="proposal"),
            created("2026-03-03", "D-2", "40000.00"),
            on("2026-03-09", sample(DealUpdated, deal_id="D-2", probability="0.9")),
        ),
        "66000.00",
        "60,000 * 0.5 of its stage + 40,000 * 0.9 of its own.",
    ),
    "pipeline_bridge": Example(
        (
            created("2026-02-10", "D-1", "60000.00"),
            created("2026-03-02", "D-2", "40000.00"),
            on("2026-03-09", sample(DealUpdated, deal_id="D-1", amount="70000.00")),
            won("2026-03-20", "D-2", "40000.00"),
        ),
        "70000.00",
        "start 60,000 + new 40,000 + increased 10,000 - won 40,000.",
    ),
    "stalled_deals": Example(
        (
            created("2026-03-02", "D-1"),
            moved("2026-03-06", "D-1", "proposal"),
            created("2026-03-10", "D-2"),
            created("2026-03-30", "D-3"),
        ),
        1,
        "the one finished visit to qualified took 4 days; D-2 stands there since 22 days, D-3 since 2, D-1 elsewhere.",
    ),
}
"""By the KPI's id."""
