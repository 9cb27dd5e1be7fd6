"""Names for people who do not exist."""

from services.simulator.dice import Dice
from services.simulator.scenery import FIRST, GIVEN, LAST, SURNAMES, TRADES, TRADES_EMEA, Region


def person(dice: Dice, region: Region) -> str:
    """Somebody's name."""
    if region.china:
        return dice.pick(SURNAMES) + dice.pick(GIVEN)
    return f"{dice.pick(FIRST)} {dice.pick(LAST)}"


def contact(dice: Dice, region: Region) -> dict[str, str]:
    """Somebody to talk to; the address and the number belong to nobody."""
    number = dice.between(1000, 9999)
    if region.china:
        company = dice.pick(region.cities) + dice.pick(GIVEN) + dice.pick(TRADES)
    else:
        company = f"{dice.pick(LAST)} {dice.pick(TRADES_EMEA)}, {dice.pick(region.cities)}"
    address = {"email": f"contact-{number}@example.com", "phone": f"+86 10 5550 {number}"}
    return {"name": person(dice, region), **address, "company": company}
