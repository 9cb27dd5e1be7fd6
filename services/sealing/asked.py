"""What a service of subject keys is asked and answers: JSON over HTTP, one POST for each question."""

from typing import Final, Literal, get_args

import msgspec

from services.sealing.port import Erased, Slot

Method = Literal["made", "destroy", "erased", "tenants", "expire"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
PATH: Final = "/v1/"
"""And the method."""
MOST: Final = 16 * 1024 * 1024
"""Bytes of a question or an answer."""


class Ask(msgspec.Struct, omit_defaults=True):
    """A question; of its fields those that the method needs."""

    slots: list[Slot] = []
    make: bool = True
    """Whether keys that are not there are made."""
    tenant: str = ""
    prefix: str = ""
    before: str = ""
    at_ms: int = 0


class Held(msgspec.Struct, omit_defaults=True):
    """What is held of a slot: its key; that it is erased; or nothing."""

    key: bytes | None = None
    erased: bool = False


class Answer(msgspec.Struct, omit_defaults=True):
    """An answer; of its fields those that the method gives."""

    destroyed: int
    """Grows whenever a key is destroyed: who remembers keys forgets them then."""
    held: list[Held] = []
    """In the order of the slots."""
    erased: list[Erased] = []
    tenants: list[str] = []
    number: int = 0
    """The moment of a destruction, or how many keys are gone."""
