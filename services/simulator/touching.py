"""Touchpoints: a rep and a customer are in touch, or a machine pretends to be."""

from typing import Final

from services.simulator.mess import Data
from services.simulator.scenery import CRM, MINUTES, TOUCHES
from services.simulator.story import Rep, Story

INBOUND: Final = 0.24
COLLEAGUE: Final = 0.07


def touch(story: Story, rep: Rep, at: int, about: Data, *, inbound: float = INBOUND) -> int:
    """The rep, now and then a colleague, and the customer are in touch; the moment at which that ends."""
    dice = story.dice
    kind = dice.pick(TOUCHES)
    if dice.roll() < COLLEAGUE:
        rep = dice.pick(rep.team.reps or (rep,))
    data: Data = {"rep_id": rep.id, "kind": kind, **about}
    if dice.roll() < inbound:
        data["direction"] = "inbound"
    ends = at + 120
    if length := MINUTES.get(kind):
        seconds = 60 * dice.between(*length) + dice.between(0, 59)
        data["duration_s"] = seconds
        ends = at + seconds
    story.tell(at, CRM, "touchpoint.logged", data)
    return ends


def machine_mail(story: Story, rep: Rep, at: int, about: Data) -> None:
    """A mail that nobody wrote: kept, but counted in no activity KPI."""
    data = {"rep_id": rep.id, "kind": "email", "automated": True, **about}
    story.tell(at, CRM, "touchpoint.logged", data)
