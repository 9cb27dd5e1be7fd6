"""Prospecting: leads are answered, worked on, and accepted or turned away."""

from dataclasses import dataclass
from typing import Final

from services.simulator.almanac import DAY_S
from services.simulator.contacts import contact
from services.simulator.mess import Data
from services.simulator.scenery import CRM, DISQUALIFIED, MARKETING, OPEN_S, Channel, Region, Segment
from services.simulator.selling import Selling
from services.simulator.story import Rep, Story
from services.simulator.touching import INBOUND, machine_mail, touch

NEVER_ANSWERED: Final = 0.07
NURTURED: Final = 0.5
"""The share of leads that get mails from a machine."""
QUALIFIED: Final = 0.34
TURNED_AWAY: Final = 0.2
GOES_SILENT: Final = 0.1
BECOMES_DEAL: Final = 0.85


@dataclass(slots=True, eq=False)
class Lead:
    """Someone who might buy."""

    id: str
    region: Region
    segment: Segment
    channel: Channel
    campaign: str | None


class Prospecting:
    """Works on leads until they are deals or nothing."""

    def __init__(self, story: Story, selling: Selling) -> None:
        self._story: Final = story
        self._dice: Final = story.dice
        self._selling: Final = selling

    def receive(self, lead: Lead, day: int, at: int) -> None:
        """A lead comes in; a rep answers when the office is open, the better the sooner, or nobody does."""
        rep = self._story.any_rep(lead.region)
        self._story.tell(at, MARKETING, "lead.created", self._form(lead, rep))
        if self._dice.chance(NURTURED):
            machine_mail(self._story, rep, at + 90, {"lead_id": lead.id})
        if not self._dice.chance(NEVER_ANSWERED):
            self._answer(lead, rep, day, at)

    def _form(self, lead: Lead, rep: Rep) -> Data:
        """What the web form and the routing know."""
        place = {"region": lead.region.name, "channel": lead.channel.name, "segment": lead.segment.name}
        data: Data = {"lead_id": lead.id, **place}
        if lead.campaign:
            data["campaign"] = lead.campaign
        if self._dice.chance(0.85):
            data["rep_id"] = rep.id
        if self._dice.chance(0.7):
            data["contact"] = contact(self._dice, lead.region)
        return data

    def _answer(self, lead: Lead, rep: Rep, day: int, at: int) -> None:
        opens = day * DAY_S + lead.region.opens * 3600
        patience = 300 + int(900 / (0.03 + self._dice.roll()) / rep.skill)
        answered = max(at, opens) + patience
        works = self._story.almanac.next_working(day, china=lead.region.china) == day
        if works and answered < opens + OPEN_S:
            self._talk(lead, rep, day, answered, inbound=0)
        else:
            self._story.later(day + 1, self._work, (lead, rep), lead.region)

    def _work(self, pair: tuple[Lead, Rep], day: int) -> None:
        lead, rep = pair
        self._talk(lead, self._story.heir(rep), day, self._story.hour(day, lead.region))

    def _talk(self, lead: Lead, rep: Rep, day: int, at: int, inbound: float = INBOUND) -> None:
        """One contact, and what becomes of it."""
        at = touch(self._story, rep, at, {"lead_id": lead.id}, inbound=inbound)
        qualified = QUALIFIED * lead.channel.ease * lead.segment.ease
        roll = self._dice.roll()
        if roll < qualified:
            self._accept(lead, rep, day, at)
        elif roll < qualified + TURNED_AWAY:
            data = {"lead_id": lead.id, "reason": self._dice.pick(DISQUALIFIED)}
            self._story.tell(at, CRM, "lead.disqualified", data)
        elif roll < 1 - GOES_SILENT:
            self._story.later(day + self._dice.between(1, 6), self._work, (lead, rep), lead.region)

    def _accept(self, lead: Lead, rep: Rep, day: int, at: int) -> None:
        score = str(self._dice.between(50, 100))
        self._story.tell(at, CRM, "lead.qualified", {"lead_id": lead.id, "score": score})
        if self._dice.chance(BECOMES_DEAL):
            self._story.later(day + self._dice.between(1, 6), self._open, (lead, rep), lead.region)

    def _open(self, pair: tuple[Lead, Rep], day: int) -> None:
        lead, rep = pair
        origin = {"lead_id": lead.id, "channel": lead.channel.name}
        if lead.campaign:
            origin["campaign"] = lead.campaign
        self._selling.open(self._story.heir(rep), lead.region, lead.segment, day, origin)
