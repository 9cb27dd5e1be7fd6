"""Long messy stories, the same for the same seed: late, voided before and after they are told, over few entities."""

import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from events.activities import TouchpointLogged
from events.base import SalesEvent
from events.corrections import EventVoided
from events.customers import CustomerChurned, CustomerUpdated
from events.deals import DealCreated, DealLost, DealReopened, DealStageMoved, DealUpdated, DealWon
from events.envelope import Told
from events.leads import LeadCreated, LeadQualified
from events.orders import OrderPlaced, OrderRefunded
from events.people import RepAssigned
from events.samples import SOURCE, sample, told
from events.spend import SpendRecorded
from tests.oracle.real_path import Company

CloudEvent = dict[str, Any]

_STAGES: Final = ("qualified", "proposal", "negotiation")
_DEALS: Final[tuple[Callable[[str, random.Random], SalesEvent], ...]] = (
    lambda id_, chance: sample(
        DealCreated, deal_id=id_, stage=chance.choice(_STAGES), amount=str(chance.randrange(99))
    ),
    lambda id_, chance: sample(DealStageMoved, deal_id=id_, to_stage=chance.choice(_STAGES)),
    lambda id_, chance: sample(DealUpdated, deal_id=id_, amount=str(chance.randrange(99)), rep_id=chance.choice("ab")),
    lambda id_, chance: sample(DealWon, deal_id=id_, amount=str(chance.randrange(99)), customer_id=f"C-{id_}"),
    lambda id_, chance: sample(DealLost, deal_id=id_, reason="price"),
    lambda id_, chance: sample(DealReopened, deal_id=id_, stage=chance.choice(_STAGES)),
)
_OTHERS: Final[tuple[Callable[[str, random.Random], SalesEvent], ...]] = (
    lambda id_, chance: sample(OrderPlaced, order_id=id_, amount=str(chance.randrange(99)), customer_id=f"C-{id_}"),
    lambda id_, chance: sample(OrderRefunded, order_id=id_, amount=str(chance.randrange(99))),
    lambda id_, chance: sample(LeadCreated, lead_id=id_),
    lambda id_, chance: sample(LeadQualified, lead_id=id_),
    lambda id_, chance: sample(CustomerUpdated, customer_id=id_, region=chance.choice(["E", "W"])),
    lambda id_, chance: sample(CustomerChurned, customer_id=id_),
    lambda id_, chance: sample(RepAssigned, rep_id=chance.choice("ab"), team_id=chance.choice("tu")),
    lambda id_, chance: sample(TouchpointLogged, deal_id=id_),
    lambda id_, chance: sample(SpendRecorded, amount="10", period_from="2026-03-01", period_to="2026-03-04"),
)


def void(id_: str) -> SalesEvent:
    """The event of this id never happened."""
    return sample(EventVoided, source=SOURCE, id=id_)


def deal(day: int, event: type[SalesEvent], id_: str, **facts: Any) -> CloudEvent:
    """An event on a day of March."""
    return told(sample(event, **facts), id=id_, time=f"2026-03-{day:02d}T09:00:00Z")


def newer(company: Company, type_: str = "deal.frozen", schema: str = "urn:salestream:deal.frozen:1") -> Told:
    """An event of deal D-1 as only a newer version knows it, ready for the journal."""
    plain = company.told(deal(9, DealWon, "newer", deal_id="D-1"))
    body = plain.body.replace(b"urn:salestream:deal.won:1", schema.encode()).replace(b"deal.won", type_.encode())
    return msgspec.structs.replace(plain, type=type_, body=body)


def story(length: int = 240, seed: int = 2026, entities: int = 24) -> list[CloudEvent]:
    """So many events, ``e1`` to ``e<length>``."""
    return list(_told(random.Random(seed), length, entities))


def _told(chance: random.Random, length: int, entities: int) -> Iterator[CloudEvent]:
    for number in range(1, length + 1):
        day = max(1, number * 28 // length - chance.choice([0, 0, 0, 2, 9]))
        time = f"2026-03-{day:02d}T{chance.randrange(24):02d}:00:00Z"
        kinds = _DEALS if chance.random() < 0.7 else _OTHERS
        event = chance.choice(kinds)(str(chance.randrange(entities)), chance)
        if chance.random() < 0.08:
            event = void(f"e{max(1, number + chance.randrange(-40, 30))}")
        yield told(event, id=f"e{number}", time=time)
