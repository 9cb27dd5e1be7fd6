"""What changes of leads and customers mean."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.connectors.known import Known
from services.connectors.removal import Before, check_meant, removed, restored
from services.connectors.said import Said
from services.connectors.statement import Statement

_DIMS: Final = ("customer_id", "rep_id", "team_id", "region", "product", "channel", "campaign", "segment")
_CONTACT: Final = ("contact.name", "contact.email", "contact.phone", "contact.company")


def lead(said: Said, then: Sequence[Said], before: Before) -> Iterator[Statement]:
    """Created, qualified, disqualified. Another owner or channel is told as the creation once more, counted once."""
    lead_id = said.entity("lead_id")
    history = before.history("lead", lead_id)
    check_meant(said, history, before)
    match said.change.kind:
        case "deleted":
            yield from removed(said, history, before)
        case "restored":
            yield from restored(said, history)
        case "created":
            names = (*_DIMS, *_CONTACT, *said.attributes(only_new=False))
            yield Statement(role="created", type="lead.created", data={"lead_id": lead_id, **said.all_values(names)})
            yield from _judged(said, lead_id, history)
        case "changed":
            if data := said.values((*_DIMS, *said.attributes())):
                yield Statement(role="updated", type="lead.created", data={"lead_id": lead_id, **data})
            yield from _judged(said, lead_id, history)


def _judged(said: Said, lead_id: str, history: Sequence[Known]) -> Iterator[Statement]:
    rule = said.rule
    known = {each.type for each in history if not each.void}
    if said.holds(rule.qualified) and said.may_have_moved(rule.qualified):
        if not (said.is_whole and "lead.qualified" in known):
            data = {"lead_id": lead_id, **said.all_values(("score",))}
            yield Statement(role="closed", type="lead.qualified", data=data)
    elif (
        said.holds(rule.disqualified)
        and said.may_have_moved(rule.disqualified)
        and not (said.is_whole and "lead.disqualified" in known)
    ):
        data = {"lead_id": lead_id, **said.all_values(("reason",))}
        yield Statement(role="closed", type="lead.disqualified", data=data)


def customer(said: Said, then: Sequence[Said], before: Before) -> Iterator[Statement]:
    """Region, segment and contact, as far as they are new."""
    customer_id = said.entity("customer_id")
    history = before.history("customer", customer_id)
    check_meant(said, history, before)
    match said.change.kind:
        case "deleted":
            yield from removed(said, history, before)
        case "restored":
            yield from restored(said, history)
        case _:
            if data := said.values(("region", "segment", *_CONTACT, *said.attributes())):
                data["customer_id"] = customer_id
                yield Statement(role="updated", type="customer.updated", data=data)
