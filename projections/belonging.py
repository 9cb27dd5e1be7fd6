"""Reps by where they belong: a question about the targets of a team's reps is one about these reps.

A target is set for a rep, not for a rep as part of a team. So a team, region or manager says which reps are meant, and
each is shown with the whole target and all that was reached, as without it.
"""

from dataclasses import replace

from events.people import RepAssigned
from projections.definitions import Definitions
from projections.kpi import PLACES
from projections.question import Question
from projections.targets import targets


def of_reps(question: Question, definitions: Definitions, at_ms: int) -> Question:
    """The question with the reps in ``where`` who belong, at a moment, where it says; any other question as it is.

    These are reps who were assigned, or have a target. An empty value is a missing one.
    """
    places = [each for each in question.where if each[0] in PLACES]
    named = [frozenset(values) for name, values in question.where if name == "rep_id"]
    if not (question.kpi.scoped and places and (named or "rep_id" in question.by)):
        return question
    reps: dict[str, RepAssigned | None] = {rep: None for _, rep in targets(definitions).get("rep", {})}
    reps |= {each.rep_id: each for since_ms, each in definitions.assignments if since_ms <= at_ms}
    chosen = sorted(
        rep
        for rep, place in reps.items()
        if all(rep in values for values in named)
        and all((getattr(place, name, None) or "") in values for name, values in places)
    )
    others = (each for each in question.where if each[0] not in (*PLACES, "rep_id"))
    return replace(question, where=(*others, ("rep_id", tuple(chosen))))
