"""What all books have in common: what they know can be copied, and compared."""

from typing import Any, Self


class Fold:
    """Something that takes in events and knows no more than its ``__slots__``.

    What these hold is replaced and never changed, but for other folds. So where two know the same, whatever comes next
    makes of both the same.
    """

    __slots__: tuple[str, ...] = ()

    def copied(self) -> Self:
        """Another one that knows the same."""
        twin = object.__new__(type(self))
        for name in self.__slots__:
            known = getattr(self, name)
            setattr(twin, name, known.copied() if isinstance(known, Fold) else known)
        return twin

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__: Any = None
