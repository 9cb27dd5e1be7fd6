"""How older shapes of an event become the newest one.

An upcast is a pure function from the data of one version to the data of the next, listed under the version it
starts from. Journals keep what was told; reading brings it up. There is one golden event per type and version
in ``tests/golden/events``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

Data = dict[str, Any]
Upcast = Callable[[Data], Data]

UPCASTS: Final[dict[tuple[str, int], Upcast]] = {}
"""(type, version) to the step that leads to version + 1."""


def upcast(
    type_: str, version: int, newest: int, data: Data, steps: Mapping[tuple[str, int], Upcast] = UPCASTS
) -> Data:
    """The data of ``type_`` at its newest version. Raises KeyError where a step is missing."""
    for step in range(version, newest):
        data = steps[type_, step](data)
    return data
