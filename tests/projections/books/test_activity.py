"""The books of what happens once: touchpoints, survey answers, trainings."""

import pytest

from events.activities import TouchpointLogged
from events.people import TrainingCompleted
from events.surveys import SurveyAnswered
from projections.posting import Posting
from tests.projections.telling import make, posted, short


def answer(kind: str, score: str, **told: str) -> Posting:
    (line,) = posted(make(SurveyAnswered, "2026-03-02", kind=kind, score=score, **told))
    return line


class TestTouchpoint:
    """A rep and a customer were in touch."""

    def test_it_counts_with_all_that_it_tells(self) -> None:
        line = posted(
            make(
                TouchpointLogged, "2026-03-02", rep_id="ana", kind="call", direction="inbound",
                lead_id="L-1", deal_id="D-1", customer_id="C-1", team_id="t1",
            )
        )  # fmt: skip

        assert short(line, "rep_id", "kind", "direction", "lead", "deal", "customer", "team_id") == [
            ("03-02", "touchpoint", 1, 0, "ana", "call", "inbound", "L-1", "D-1", "C-1", "t1"),
        ]

    def test_one_that_a_machine_sent_is_kept_apart(self) -> None:
        assert short(posted(make(TouchpointLogged, "2026-03-02", kind="email", automated=True))) == [
            ("03-02", "touchpoint_automated", 1, 0),
        ]


class TestSurvey:
    """Thresholds are exact, whatever the scale."""

    @pytest.mark.parametrize(
        ("score", "scale", "outcome"),
        [("3.999", "5", "dissatisfied"), ("4", "5", "satisfied"), ("5", "5", "satisfied"), ("0", "5", "dissatisfied"),
         ("8", "10", "satisfied"), ("7.999", "10", "dissatisfied"),
         ("2.4", "3", "satisfied"), ("2.399", "3", "dissatisfied")],
    )  # fmt: skip
    def test_csat_is_satisfied_from_four_fifths_of_the_scale(self, score: str, scale: str, outcome: str) -> None:
        assert answer("csat", score, scale_max=scale).dims.outcome == outcome

    @pytest.mark.parametrize(
        ("score", "scale", "outcome"),
        [("10", "10", "promoter"), ("9", "10", "promoter"), ("8.999", "10", "passive"), ("7", "10", "passive"),
         ("6.001", "10", "passive"), ("6", "10", "detractor"), ("0", "10", "detractor"),
         ("4.5", "5", "promoter"), ("3", "5", "detractor"), ("3.001", "5", "passive")],
    )  # fmt: skip
    def test_nps_promotes_from_nine_tenths_and_detracts_up_to_six(self, score: str, scale: str, outcome: str) -> None:
        assert answer("nps", score, scale_max=scale).dims.outcome == outcome

    @pytest.mark.parametrize(("kind", "share"), [("csat", 800_000), ("nps", 400_000), ("training", 800_000)])
    def test_the_scale_of_a_kind_holds_where_none_is_told(self, kind: str, share: int) -> None:
        assert answer(kind, "4").amount == share

    def test_the_score_is_kept_in_millionths_of_the_scale(self) -> None:
        assert answer("csat", "1", scale_max="3").amount == 333_333

    def test_other_kinds_have_no_outcome(self) -> None:
        assert answer("collaboration", "5").dims.outcome == ""

    @pytest.mark.parametrize(
        ("told", "respondent"),
        [
            ({"respondent_id": "P-1", "customer_id": "C-1"}, "P-1"),
            ({"customer_id": "C-1"}, "C-1"),
            ({}, "/crm/demo#e1"),
        ],
        ids=["told", "its customer", "itself"],
    )
    def test_who_answered(self, told: dict[str, str], respondent: str) -> None:
        assert answer("csat", "5", **told).dims.respondent == respondent


class TestTraining:
    """A rep finished a course."""

    def test_the_gain_is_a_share_of_the_best_score(self) -> None:
        line = posted(make(TrainingCompleted, "2026-03-02", pre_score="62", post_score="81.5", max_score="100"))
        assert short(line, "rep_id", "category", "outcome") == [
            ("03-02", "training", 1, 195_000, "rep-7", "Negotiation", "measured"),
        ]

    def test_a_loss_is_negative(self) -> None:
        (line,) = posted(make(TrainingCompleted, "2026-03-02", pre_score="8", post_score="5", max_score="10"))
        assert line.amount == -300_000

    @pytest.mark.parametrize("missing", ["pre_score", "post_score", "max_score"])
    def test_without_both_scores_and_a_scale_it_is_counted_but_not_measured(self, missing: str) -> None:
        told = {"pre_score": "6", "post_score": "8", "max_score": "10"}
        (line,) = posted(make(TrainingCompleted, "2026-03-02", **{k: v for k, v in told.items() if k != missing}))
        assert (line.count, line.amount, line.dims.outcome) == (1, 0, "")
