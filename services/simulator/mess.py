"""The mess of life: what upstream systems do to a clean story before it is told.

What happened stays what happened: a broken event is told again in order, a mistake is voided, a conflict comes after
the event it contradicts. Only unknown references stay in the books, as far as they go.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

from services.simulator.almanac import DAY_S
from services.simulator.dice import Dice
from services.simulator.scenery import FINANCE, HR

Data = dict[str, Any]
Told = tuple[int, int, str, str, Data]
"""What happened: occurred, number, source, type, data."""
Telling = tuple[int, tuple[int, int], int, str, str, str, Data]
"""How it is told: recorded, number and line (for one order among equals), occurred, id, source, type, data."""

LAG_S: Final = 1
"""How long after it occurred an event is recorded when nothing goes wrong."""
STEADY: Final = (FINANCE, HR)
"""Systems to which nothing happens: what they tell is entered with care."""


@dataclass(frozen=True, kw_only=True)
class Mess:
    """How often what goes wrong: shares of all events, except those of finance and of human resources."""

    late: float = 0.02
    """Recorded an hour to four weeks after it occurred."""
    out_of_order: float = 0.03
    """Recorded one to ninety minutes late, behind what occurred after it."""
    duplicates: float = 0.01
    """Told again, with the same content."""
    mistakes: float = 0.003
    """A second event told that never happened, and voided: an order entered twice, a win too early."""
    invalid: float = 0.0006
    """First told in a form that is refused, then in order, under the same id."""
    conflicts: float = 0.0003
    """Told again under the same id with other content."""
    unknown: float = 0.0004
    """A second event told about a deal, a lead or a customer that nobody has heard of."""
    voided_first: float = 0.2
    """The share of mistakes of which the voiding is told before the mistake."""

    def __post_init__(self) -> None:
        shares = [getattr(self, field.name) for field in fields(self)]
        if any(not 0 <= share <= 1 for share in shares) or sum(shares[:-1]) > 1:
            raise ValueError("a mess is made of shares from 0 to 1 that sum up to at most 1")


USUAL: Final = Mess()
NO_MESS: Final = Mess(late=0, out_of_order=0, duplicates=0, mistakes=0, invalid=0, conflicts=0, unknown=0)


class Mishaps:
    """Decides what befalls each event, with dice of its own: the story is the same with and without."""

    def __init__(self, mess: Mess, seed: int) -> None:
        self._dice: Final = Dice(seed)
        self._voided_first: Final = mess.voided_first
        self._limits: Final = _limits(mess, self)
        self._any: Final = self._limits[-1][0]

    def spared(self, source: str) -> bool:
        """Whether nothing happens to the next event."""
        return not self._any or source in STEADY

    def befall(self, told: Told) -> list[Telling]:
        """How an event is told, with all that is told beside it."""
        roll = self._dice.roll()
        if roll < self._any:
            for limit, mishap in self._limits:
                if roll < limit:
                    return mishap(told)
        return [_telling(told)]

    def late(self, told: Told) -> list[Telling]:
        return [_telling(told, self._dice.long_tail(3600, 28 * DAY_S))]

    def out_of_order(self, told: Told) -> list[Telling]:
        return [_telling(told, self._dice.between(60, 5400))]

    def duplicate(self, told: Told) -> list[Telling]:
        return [_telling(told), _telling(told, self._dice.long_tail(2, 10 * DAY_S), line=1)]

    def mistake(self, told: Told) -> list[Telling]:
        at, number, source, type_, data = told
        wrong = self._wrong(type_, number, data)
        if wrong is None:
            return [_telling(told)]
        found_out = at + self._dice.long_tail(1800, 6 * DAY_S)
        told_at = found_out + self._dice.between(600, 7200) if self._dice.chance(self._voided_first) else at + 60
        id_ = f"{source[1:]}-{number}-1"
        voiding = {"source": source, "id": id_, "reason": "entered by mistake"}
        return [
            _telling(told),
            (told_at, (number, 1), at + 30, id_, source, *wrong),
            (found_out, (number, 2), found_out, f"{source[1:]}-{number}-2", source, "event.voided", voiding),
        ]

    def invalid(self, told: Told) -> list[Telling]:
        at, number, source, type_, data = told
        broken = _broken(data, number)
        fixed = _telling(told, self._dice.long_tail(600, 2 * DAY_S), line=1)
        return [(at + LAG_S, (number, 0), at, fixed[3], source, type_, broken), fixed]

    def conflict(self, told: Told) -> list[Telling]:
        at, number, source, type_, data = told
        first = _telling(told)
        again = at + LAG_S + self._dice.long_tail(3600, 5 * DAY_S)
        other = data | {"attributes": {"edited": "yes"}}
        return [first, (again, (number, 1), at, first[3], source, type_, other)]

    def unknown(self, told: Told) -> list[Telling]:
        at, number, source, *_ = told
        type_, data = self._dice.pick(_strangers(f"X-{number}"))
        return [_telling(told), (at + 30, (number, 1), at + 20, f"{source[1:]}-{number}-1", source, type_, data)]

    def _wrong(self, type_: str, number: int, data: Data) -> tuple[str, Data] | None:
        """What is told by mistake beside an event of a type; None where people make none."""
        match type_:
            case "order.placed":
                return type_, data | {"order_id": f"{data['order_id']}-{number}"}
            case "deal.stage_moved":
                return "deal.won", {"deal_id": data["deal_id"], "amount": f"{self._dice.between(80, 900)}00.00"}
            case "touchpoint.logged" | "survey.answered":
                return type_, data
        return None


def _limits(mess: Mess, mishaps: Mishaps) -> list[tuple[float, Callable[[Told], list[Telling]]]]:
    """Up to which roll of the dice what happens."""
    shares = (
        (mess.out_of_order, mishaps.out_of_order),
        (mess.late, mishaps.late),
        (mess.duplicates, mishaps.duplicate),
        (mess.mistakes, mishaps.mistake),
        (mess.invalid, mishaps.invalid),
        (mess.unknown, mishaps.unknown),
        (mess.conflicts, mishaps.conflict),
    )
    limits: list[tuple[float, Callable[[Told], list[Telling]]]] = []
    limit = 0.0
    for share, mishap in shares:
        limit += share
        limits.append((limit, mishap))
    return limits


def _telling(told: Told, delay: int = 0, line: int = 0) -> Telling:
    at, number, source, type_, data = told
    return at + LAG_S + delay, (number, line), at, f"{source[1:]}-{number}", source, type_, data


def _broken(data: Data, number: int) -> Data:
    """The same data in a form that is refused: a float for money, or a field nobody knows."""
    if "amount" in data and number % 2:
        return data | {"amount": float(data["amount"])}
    return data | {"legacy_flag": number}


def _strangers(id_: str) -> tuple[tuple[str, Data], ...]:
    """Events about something that nobody has heard of."""
    return (
        ("deal.stage_moved", {"deal_id": id_, "to_stage": "proposal"}),
        ("lead.qualified", {"lead_id": id_, "score": "60"}),
        ("customer.churned", {"customer_id": id_, "reason": "merged"}),
    )
