"""Leads, touchpoints, survey answers, spend and reps in place, for the oracle."""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from events.activities import TouchpointLogged
from events.currencies import EXPONENTS
from events.leads import LeadCreated, LeadDisqualified, LeadQualified
from events.people import TrainingCompleted
from events.spend import SpendRecorded
from events.surveys import SurveyAnswered
from tests.oracle.days import Stretch
from tests.oracle.past import Dims, Line, Past, Stint, learned

MARKETING = ("marketing", "advertising", "events")


@dataclass(frozen=True)
class Answer:
    """One answer to a survey: who gave it, and which share of the scale."""

    kind: str
    at: int
    position: int
    respondent: str
    share: Fraction
    dims: Dims


@dataclass(frozen=True)
class Training:
    """A completed course, and what was gained as a share of the best score."""

    at: int
    rep_id: str
    dims: Dims
    gain: Fraction | None


def leads(past: Past) -> list[Line]:
    """A lead comes in with its first event, and is qualified once."""
    found: list[Line] = []
    for lead, facts in past.by_entity(LeadCreated, LeadQualified, LeadDisqualified).items():
        told: dict[str, str] = {"lead": lead}
        done: set[str] = set()
        for fact in facts:
            told = learned(told, fact.data)
            if isinstance(fact.data, LeadCreated) and fact.data.customer_id is not None:
                told["customer"] = fact.data.customer_id
            now = {"leads_created"} | ({"leads_qualified"} if isinstance(fact.data, LeadQualified) else set())
            dims = past.placed(told, fact.at_ms)
            found += [Line(what, fact.at_ms, dims, who=lead) for what in sorted(now - done)]
            done |= now
    return found


def touchpoints(past: Past) -> list[Line]:
    """Every touchpoint that no machine sent."""
    found = []
    for fact, touch in past.of(TouchpointLogged):
        ids = {"lead": touch.lead_id, "deal": touch.deal_id, "customer": touch.customer_id}
        dims = learned({"kind": touch.kind, "direction": touch.direction}, touch)
        dims |= {name: value for name, value in ids.items() if value is not None}
        if not touch.automated:
            found.append(Line("touchpoints", fact.at_ms, past.placed(dims, fact.at_ms)))
    return found


def trainings(past: Past) -> list[Training]:
    """Every training, in order."""
    found = []
    for fact, done in past.of(TrainingCompleted):
        dims = past.placed(learned({"rep_id": done.rep_id, "category": done.course}, done), fact.at_ms)
        gain = None
        if done.pre_score is not None and done.post_score is not None and done.max_score is not None:
            gain = (Fraction(done.post_score) - Fraction(done.pre_score)) / Fraction(done.max_score)
        found.append(Training(fact.at_ms, done.rep_id, dims, gain))
    return found


def answers(past: Past) -> list[Answer]:
    """Every answer to a survey, in order."""
    found = []
    for fact, answer in past.of(SurveyAnswered):
        respondent = answer.respondent_id or answer.customer_id or f"{fact.source}#{fact.id}"
        ids = {"deal": answer.deal_id, "customer": answer.customer_id, "respondent": respondent}
        dims = learned({}, answer) | {name: value for name, value in ids.items() if value is not None}
        scale = Fraction(answer.scale_max or {"nps": "10"}.get(answer.kind, "5"))
        share = Fraction(answer.score) / scale
        placed = past.placed(dims, fact.at_ms)
        found.append(Answer(answer.kind, fact.at_ms, fact.position, respondent, share, placed))
    return found


def spend(past: Past) -> list[Line]:
    """Spend at its time, or day by day over the period it pays for, to the last minor unit."""
    found = []
    for fact, spent in past.of(SpendRecorded):
        currency = spent.currency or ""
        minor = int(Fraction(spent.amount) * 10 ** EXPONENTS[currency])
        moments = [fact.at_ms]
        if spent.period_from and spent.period_to:
            first, end = date.fromisoformat(spent.period_from), date.fromisoformat(spent.period_to)
            length = max((end - first).days, 1)
            moments = [past.days.midnight(first + timedelta(days=day)) for day in range(length)]
        share, rest = divmod(minor, len(moments))
        dims = learned({"category": spent.category}, spent)
        for number, at in enumerate(moments):
            amount = Fraction(share + (number < rest), 10 ** EXPONENTS[currency])
            found.append(Line("spend", at, past.placed(dims, at), amount, currency))
    return found


def rep_days(past: Past, stretch: Stretch) -> list[Line]:
    """One line for each rep in place and working day that the stretch overlaps."""
    stints = past.stints()
    if not stints:
        return []
    days = past.days
    day = days.local(max(stretch.start, min(stint.since for stint in stints))).date()
    found = []
    while (start := days.midnight(day)) < stretch.end:
        end = days.midnight(day + timedelta(days=1))
        clipped = max(start, stretch.start), min(end, stretch.end)
        if end > stretch.start and days.works(day):
            for rep in sorted({stint.rep_id for stint in stints}):
                here = [stint for stint in stints if stint.rep_id == rep and _overlaps(stint, *clipped)]
                found += [Line("rep_days", start, stint.dims) for stint in here[-1:]]
        day += timedelta(days=1)
    return found


def _overlaps(stint: Stint, start: int, end: int) -> bool:
    return stint.since < end and (stint.until is None or stint.until > max(start, stint.since))
