"""Attribution in a what-if: which channels and campaigns are credited with a win.

A win counts where its deal was told to come from. Under a rule its money is credited to contacts that name a channel
or a campaign, about the deal or its lead, up to the moment of the win: all of it to the first or the last, or the same
share to each (``linear``). Shares are whole minor units that differ by one at most and add up to the win; the win
itself is counted once, where the last contact was.
"""

from bisect import bisect_right
from collections.abc import Sequence
from sys import intern
from typing import Any, Literal

from msgspec.structs import replace

from events.activities import TouchpointLogged
from events.deals import DealCreated, DealUpdated
from events.envelope import Fact
from events.leads import LeadCreated
from projections.ledger import Line
from projections.posting import Posting
from services.processor.poster import Poster
from services.store.port import Applied

Attribution = Literal["first", "last", "linear"]
Contact = tuple[int, int, str, str]
"""When, its position, channel, campaign."""


class Contacts:
    """Who was in contact from where, learnt from the whole history beforehand."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[Contact]] = {}
        self._leads: dict[str, str] = {}

    def learn(self, fact: Fact) -> None:
        """Take in an event that was not voided."""
        event = fact.data
        match event:
            case DealCreated() | DealUpdated():
                if event.lead_id is not None:
                    self._leads[event.deal_id] = event.lead_id
            case TouchpointLogged() if not event.automated:
                self._add(fact, event, deal=event.deal_id, lead=event.lead_id)
            case LeadCreated():
                self._add(fact, event, lead=event.lead_id)

    def _add(self, fact: Fact, event: TouchpointLogged | LeadCreated, **about: str | None) -> None:
        if event.channel is None and event.campaign is None:
            return
        contact = fact.at_ms, fact.position, intern(event.channel or ""), intern(event.campaign or "")
        for kind, id_ in about.items():
            if id_ is not None:
                self._found.setdefault((kind, id_), []).append(contact)

    def of(self, deal: str, until_ms: int) -> list[Contact]:
        """The contacts about a deal or its lead up to a moment, each once, in order."""
        found = {*self._found.get(("deal", deal), ()), *self._found.get(("lead", self._leads.get(deal, "")), ())}
        told = sorted(found)
        return told[: bisect_right(told, until_ms, key=lambda each: each[0])]


class Crediting(Poster):
    """A poster that writes wins where a rule credits them."""

    def __init__(self, rule: Attribution, contacts: Contacts, *told: Any, **more: Any) -> None:
        """The rule and the contacts; the others are as of any poster."""
        self._rule = rule
        self._contacts = contacts
        self.credited = 0
        """How many lines of wins are credited otherwise than they were told."""
        self.contacted = 0
        """How many have a contact to be credited to."""
        self.shared = 0
        """How many have contacts of several channels or campaigns."""
        super().__init__(*told, **more)

    @property
    def why_not(self) -> str:
        """Why the rule credits no win otherwise, in a sentence."""
        if not self.contacted:
            return "no win has a contact up to it that names a channel or campaign"
        if not self.shared:
            return (
                "no win has contacts of more than one channel or campaign up to it, and each is told to come from "
                "that one, so first, last and linear agree"
            )
        return "each win is told to come from where the rule credits it"

    def _write(self, applied: Sequence[Applied], lines: Sequence[Line]) -> None:
        super()._write(applied, self._credited(lines))

    def _credited(self, lines: Sequence[Line]) -> list[Line]:
        found: list[Line] = []
        numbers: dict[int, int] = {}
        for line in lines:
            for posting in self._shares(line.posting) if line.posting.measure == "won" else (line.posting,):
                number = numbers.get(line.position, 0)
                numbers[line.position] = number + 1
                found.append(replace(line, number=number, posting=posting))
        return found

    def _shares(self, line: Posting) -> list[Posting]:
        contacts = self._contacts.of(line.dims.deal, line.until_ms)
        if not contacts:
            return [line]
        self.contacted += 1
        self.shared += len({(channel, campaign) for _, _, channel, campaign in contacts}) > 1
        if self._rule != "linear":
            contacts = contacts[:1] if self._rule == "first" else contacts[-1:]
        told = shares(line, [(channel, campaign) for _, _, channel, campaign in contacts])
        self.credited += told != [line]
        return told


def shares(line: Posting, places: Sequence[tuple[str, str]]) -> list[Posting]:
    """The line, divided evenly over these channels and campaigns; what it counts stays with the last of them."""
    amounts, costs = _divided(line.amount, len(places)), _divided(line.cost, len(places))
    found: dict[tuple[str, str], Posting] = {}
    for place, amount, cost in zip(reversed(places), amounts, costs, strict=True):
        before = found.get(place)
        if before is None:
            dims = replace(line.dims, channel=place[0], campaign=place[1])
            count = 0 if found else line.count
            found[place] = replace(line, dims=dims, count=count, amount=amount, cost=cost)
        else:
            found[place] = replace(before, amount=before.amount + amount, cost=before.cost + cost)
    last, *others = found.values()
    return [last, *(each for each in others if each.amount or each.cost)]


def _divided(whole: int, parts: int) -> list[int]:
    """Whole numbers as even as can be that add up to the whole, the larger first."""
    least, rest = divmod(abs(whole), parts)
    sign = -1 if whole < 0 else 1
    return [sign * (least + (number < rest)) for number in range(parts)]
