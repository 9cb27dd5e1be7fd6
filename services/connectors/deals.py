"""What changes of a deal mean: created, moved, won, lost, reopened, updated."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from events.envelope import to_text
from services.connectors.known import Deal, Known, deal_at, in_order
from services.connectors.removal import Before, check_meant, removed, restored
from services.connectors.said import Said
from services.connectors.statement import Statement

ROLES: Final = ("created", "moved", "closed", "reopened", "updated", "restated")
"""The roles of everything that a change of an entity may state."""
_DIMS: Final = ("rep_id", "team_id", "region", "product", "channel", "campaign", "segment")
_CREATED: Final = ("pipeline", "lead_id", "customer_id", "amount", "currency", "expected_close", *_DIMS)
_UPDATED: Final = (*_CREATED, "probability")
_WON: Final = ("amount", "currency", "cost", "customer_id", *_DIMS)
_LOST: Final = ("reason", "competitor")
_SOON_MS: Final = 60_000
"""How long after the creation of a deal the values that it was created with may come."""


def statements(said: Said, then: Sequence[Said], before: Before) -> Iterator[Statement]:
    """What a change of a deal states. ``then`` are later changes of it in the same delivery."""
    deal_id = said.entity("deal_id")
    history = before.history("deal", deal_id)
    check_meant(said, history, before)
    match said.change.kind:
        case "deleted":
            yield from removed(said, history, before)
        case "restored":
            yield from restored(said, history)
        case "created":
            yield from _created(said, then, history, deal_id)
        case "changed":
            yield from _changed(said, history, deal_id)
            yield from _restated(said, history, deal_id)


def _outcome(said: Said) -> str:
    """What the change says of the end of the deal: ``deal.won``, ``deal.lost`` or nothing."""
    if said.holds(said.rule.won):
        return "deal.won"
    return "deal.lost" if said.holds(said.rule.lost) else ""


def _created(said: Said, then: Sequence[Said], history: Sequence[Known], deal_id: str) -> Iterator[Statement]:
    data = {"deal_id": deal_id, **said.all_values((*_CREATED, *said.attributes(only_new=False)))}
    _name_currency(said, data)
    outcome, stage = _outcome(said), said.value("stage")
    filled: tuple[str, ...] = ()
    if stage is None or (outcome and said.rule.first_stage):
        stage, filled = _first_stage(said, then, history), ("stage",)
    if stage is None:
        yield Statement(role="created", type="deal.updated", data=data)
    else:
        yield Statement(role="created", type="deal.created", data={**data, "stage": stage}, filled=filled)
    if outcome:
        deal = Deal("open", stage, data.get("amount"), data.get("currency"))
        yield _closed(said, outcome, deal, deal_id)


def _first_stage(said: Said, then: Sequence[Said], history: Sequence[Known]) -> str | None:
    """The stage a deal was created in: the first that is told soon after, or was told already."""
    for later in then:
        if later.at_ms <= said.at_ms + _SOON_MS and later.changed("stage") and (stage := later.value("stage")):
            return str(stage) if not _outcome(later) else said.rule.first_stage
    for known in in_order(history):
        stage = known.data.get("to_stage") or known.data.get("stage")
        if not known.void and stage and said.at_ms <= known.at_ms <= said.at_ms + _SOON_MS:
            return str(stage)
    return said.rule.first_stage


def _changed(said: Said, history: Sequence[Known], deal_id: str) -> Iterator[Statement]:
    rule = said.rule
    deal = deal_at(history, said.at_ms)
    outcome = _outcome(said)
    ends = bool(outcome) and said.may_have_moved(rule.won, rule.lost)
    if said.is_whole and deal.status == outcome.removeprefix("deal."):
        ends = False  # it says once more what is known
    stage = said.value("stage") if said.changed("stage") and not outcome else None
    left_out: tuple[str, ...] = ("stage",)
    if ends:
        yield _closed(said, outcome, deal, deal_id)
        left_out = ("stage", *(_WON if outcome == "deal.won" else ()))
    elif not outcome and _was_closed(said, deal) and (stage or said.may_have_moved(rule.won, rule.lost)):
        yield _reopened(said, deal, deal_id)
    elif stage and not said.is_whole:
        yield _moved(said, deal, deal_id, stage)
    elif stage:
        left_out = ()
    yield from _updated(said, deal, deal_id, left_out)


def _was_closed(said: Said, deal: Deal) -> bool:
    return deal.status in ("won", "lost") or said.held_before(said.rule.won) or said.held_before(said.rule.lost)


def _closed(said: Said, outcome: str, deal: Deal, deal_id: str) -> Statement:
    closed_ms = said.value("closed_at")
    time = to_text(min(closed_ms, said.at_ms)) if closed_ms else None
    if outcome == "deal.lost":
        data = {"deal_id": deal_id, **said.all_values(_LOST)}
        return Statement(role="closed", type=outcome, data=data, time=time)
    data = {"deal_id": deal_id, **said.all_values(_WON)}
    _name_currency(said, data)
    filled: tuple[str, ...] = ()
    if "amount" not in data:
        data["amount"], filled = deal.amount or "0", ("amount",)
    if "currency" not in data and deal.currency:
        data["currency"], filled = deal.currency, (*filled, "currency")
    return Statement(role="closed", type=outcome, data=data, time=time, filled=filled)


def _reopened(said: Said, deal: Deal, deal_id: str) -> Statement:
    stage = said.value("stage")
    filled = () if stage else ("stage",)
    data = {"deal_id": deal_id, "stage": stage or deal.stage or said.rule.first_stage or "open"}
    return Statement(role="reopened", type="deal.reopened", data=data, filled=filled)


def _moved(said: Said, deal: Deal, deal_id: str, stage: str) -> Statement:
    data = {"deal_id": deal_id, "to_stage": stage}
    if from_stage := said.before("stage"):
        return Statement(role="moved", type="deal.stage_moved", data={**data, "from_stage": from_stage})
    if deal.stage is not None and deal.stage != stage:
        data["from_stage"] = deal.stage
    return Statement(role="moved", type="deal.stage_moved", data=data, filled=("from_stage",))


def _updated(said: Said, deal: Deal, deal_id: str, left_out: Sequence[str]) -> Iterator[Statement]:
    names = [name for name in ("stage", *_UPDATED) if name not in left_out]
    data = said.values((*names, *said.attributes()))
    filled: tuple[str, ...] = ()
    if "amount" in data:
        _name_currency(said, data)
        if "currency" not in data and deal.currency:
            data["currency"], filled = deal.currency, ("currency",)
    elif "currency" in data:
        if amount := said.value("amount"):
            data["amount"] = amount
        elif deal.amount is not None:
            data["amount"], filled = deal.amount, ("amount",)
        else:
            del data["currency"]  # of no amount
    if data:
        yield Statement(role="updated", type="deal.updated", data={"deal_id": deal_id, **data}, filled=filled)


def _restated(said: Said, history: Sequence[Known], deal_id: str) -> Iterator[Statement]:
    """An amount that is told after the win that it belongs to corrects it, at the time of the win."""
    amount = said.value("amount") if said.changed("amount") else None
    if amount is None:
        return
    later = [each for each in in_order(history) if each.at_ms >= said.at_ms and not each.void]
    win = next((each for each in later if each.type == "deal.won"), None)
    if win is None or "amount" not in win.filled.split(",") or win.data.get("amount") == amount:
        return
    told = [each for each in later if "amount" in each.data and "amount" not in each.filled.split(",")]
    if any(each.at_ms <= win.at_ms for each in told):
        return  # a later amount, which is the right one, is known
    data = {"deal_id": deal_id, "amount": amount}
    _name_currency(said, data)
    filled: tuple[str, ...] = ()
    if "currency" not in data and win.data.get("currency"):
        data["currency"], filled = win.data["currency"], ("currency",)
    yield Statement(role="restated", type="deal.updated", data=data, time=to_text(win.at_ms), filled=filled)


def _name_currency(said: Said, data: dict[str, Any]) -> None:
    """An amount says in which currency it is, as far as that is told."""
    if "amount" in data or "cost" in data:
        if currency := said.currency:
            data["currency"] = currency
    else:
        data.pop("currency", None)
