"""Rounding of amounts to the minor unit of their currency, always half-even."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

_CONTEXT = Context(prec=500, rounding=ROUND_HALF_EVEN)


def rounded(amount: Decimal, decimals: int) -> Decimal:
    """The amount with so many decimals."""
    return amount.quantize(Decimal(1).scaleb(-decimals), context=_CONTEXT)


class Carried:
    """What rounding left over, handed on to the next amount of the same kind.

    So the rounded amounts add up to the exact total, rounded once, and each is less than one minor unit away from its
    own exact value.
    """

    def __init__(self) -> None:
        self._rests: dict[tuple[str, str, int], Decimal] = {}
        self._next: dict[tuple[str, str, int], Decimal] = {}

    def rounded(self, name: str, within: str, amount: Decimal, decimals: int) -> Decimal:
        """The amount with the rest of its predecessor, rounded."""
        key = name, within, decimals
        exact = _CONTEXT.add(amount, self._rests.get(key, Decimal(0)))
        result = rounded(exact, decimals)
        self._next[key] = _CONTEXT.subtract(exact, result)
        return result

    def settle(self, accepted: bool) -> None:
        """Whether the last amounts count: only then is their rest handed on."""
        if accepted:
            self._rests |= self._next
        self._next.clear()
