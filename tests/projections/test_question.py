"""Questions: what can be asked, and for everything else a sentence that says what is allowed."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.catalogue import BY_ID
from projections.periods import GRAINS
from projections.question import ALIASES, BadQuestion, Question, question


def asked(kpi: str = "bookings", **told: Any) -> Question:
    return question(kpi, **told)


class TestRead:
    """What is understood."""

    @pytest.mark.parametrize("id_", ["win_rate/created", "win_rate~created"])
    def test_a_variant_is_named_either_way(self, id_: str) -> None:
        assert asked(id_).kpi is BY_ID["win_rate/created"]

    @pytest.mark.parametrize(
        "by", [["rep,region"], ["rep", "region"], [" rep_id , region "], ["rep_id", "region", "rep"]]
    )
    def test_dimensions_are_told_apart_or_together_by_name_or_alias(self, by: list[str]) -> None:
        assert asked(by=by).by == ("rep_id", "region")

    @pytest.mark.parametrize(("alias", "name"), ALIASES.items())
    def test_every_alias_stands_for_a_dimension(self, alias: str, name: str) -> None:
        kpi = {"respondent": "csat", "category": "training_gain"}.get(name, "bookings")
        assert asked(kpi, by=[alias]).by == (name,)

    def test_values_of_one_dimension_are_alternatives_and_may_hold_anything(self) -> None:
        where = ["region=华东", "rep=ana", "region=a=b", "attributes.k=", "region=  "]
        assert asked(where=where).where == (
            ("region", ("华东", "a=b", "  ")), ("rep_id", ("ana",)), ("attributes.k", ("",)),
        )  # fmt: skip

    @pytest.mark.parametrize("kpi", [kpi for kpi in BY_ID if BY_ID[kpi].needs])
    def test_dimensions_without_which_it_makes_no_sense_are_added(self, kpi: str) -> None:
        (needed,) = BY_ID[kpi].needs
        assert asked(kpi).by == (needed,)
        assert asked(kpi, by=["region", needed]).by == ("region", needed)

    @pytest.mark.parametrize("kpi", BY_ID)
    def test_every_kpi_can_be_asked_by_each_of_its_dimensions(self, kpi: str) -> None:
        dims = sorted(BY_ID[kpi].dims - {"attributes"})
        for each in [[dim] for dim in dims] if BY_ID[kpi].scoped else [dims]:
            assert set(asked(kpi, by=each).by) == {*each, *BY_ID[kpi].needs}

    def test_it_is_told_back_without_what_was_not_asked(self) -> None:
        assert asked(by=["rep"], where=["region=华东"], from_="2026", limit=3, order="-value").as_told() == {
            "by": ["rep_id"],
            "where": {"region": ["华东"]},
            "grain": "total",
            "from": "2026",
            "org": "event",
            "fx": "day",
            "limit": 3,
            "order": "-value",
        }


class TestRefused:
    """One sentence each: where, what, and what is allowed."""

    @pytest.mark.parametrize(
        ("told", "field", "sentence"),
        [
            ({"kpi": "sales"}, "kpi", f"kpi 'sales' is not known; allowed: {', '.join(BY_ID)}"),
            ({"kpi": "win_rate/nothing"}, "kpi", "kpi 'win_rate/nothing' is not known; allowed: bookings, revenue, "),
            ({"grain": "decade"}, "grain", f"grain 'decade' is not known; allowed: {', '.join(GRAINS)}"),
            ({"currency": "XYZ"}, "currency", "currency 'XYZ' is not known; allowed: an ISO 4217 code such as CNY, "),
            ({"limit": 0}, "limit", "limit 0 is out of range; allowed: 1 or more"),
            ({"order": "size"}, "order", "order 'size' is not known; allowed: period, value, with - for falling"),
            ({"order": "--value"}, "order", "order '--value' is not known; allowed: period, value, with - for falling"),
            ({"order": "rep", "by": ["team"]}, "order", "order 'rep' is not known; allowed: period, value, team_id,"),
            ({"where": ["region"]}, "where", "where 'region' is no filter; allowed: dimension=value, such as "),
            ({"where": ["=x"]}, "where", "where '' is no dimension of bookings; allowed: campaign, channel, "),
            ({"by": ["category"]}, "by", "by 'category' is no dimension of bookings; allowed: campaign, channel, "),
            ({"by": [""]}, "by", "by '' is no dimension of bookings; allowed: "),
            ({"by": ["attributes"]}, "by", "by 'attributes' is no dimension of bookings; allowed: "),
            ({"by": ["attributes."]}, "by", "by 'attributes.' is no dimension of bookings; allowed: "),
            ({"by": ["attributes.a\nb"]}, "by", "by 'attributes.a\\nb' is no dimension of bookings; allowed: "),
            ({"by": ["Rep"]}, "by", "by 'Rep' is no dimension of bookings; allowed: "),
            ({"kpi": "churn_rate", "by": ["attributes.k"]}, "by",
             "by 'attributes.k' is no dimension of churn_rate; allowed: customer, region, segment"),
        ],
    )  # fmt: skip
    def test_it_says_what_is_allowed(self, told: dict[str, Any], field: str, sentence: str) -> None:
        with pytest.raises(BadQuestion) as refused:
            asked(**told)

        assert refused.value.field == field
        assert str(refused.value).startswith(sentence)
        assert "\n" not in str(refused.value)

    @given(st.text(max_size=20), st.sampled_from(["kpi", "by", "where", "grain", "currency", "order"]))
    def test_whatever_is_asked_it_is_a_question_or_a_sentence(self, text: str, field: str) -> None:
        told: dict[str, Any] = {field: [text] if field in ("by", "where") else text}
        with suppress(BadQuestion):
            asked(**told)
            return
        with pytest.raises(BadQuestion, match=f"^{field} .*; allowed: "):
            asked(**told)
