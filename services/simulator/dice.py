"""Chance, the same on every machine.

Only ``Random.random`` is used, whose sequence Python promises to keep, and only + - * / on what it gives: logarithms
and powers may differ in their last bit from one C library to the next.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")


class Dice:
    """A seeded source of decisions."""

    __slots__ = ("roll",)

    def __init__(self, seed: int) -> None:
        self.roll: Final = Random(seed).random
        """A number from 0 up to, not including, 1."""

    def chance(self, share: float) -> bool:
        """True in this share of all cases."""
        return self.roll() < share

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self.roll() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[int(self.roll() * len(choices))]

    def about(self, expected: float) -> int:
        """A whole number whose mean is ``expected``, up to 40 % below or above it."""
        wanted = expected * (0.6 + 0.8 * self.roll())
        whole = int(wanted)
        return whole + (self.roll() < wanted - whole)

    def bell(self) -> float:
        """A number from -1 to 1, most often near 0."""
        return (self.roll() + self.roll() + self.roll()) / 1.5 - 1

    def long_tail(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, mostly small: half of them in the lowest eighth."""
        share = self.roll()
        return low + int(share * share * share * (high - low))


def spread(weights: Mapping[T, int]) -> tuple[T, ...]:
    """Choices for ``pick``, each as often as it weighs."""
    return tuple(choice for choice, weight in weights.items() for _ in range(weight))
