"""What a company decides about all its walls: how people are named, who is too few to show, which way is green."""

from typing import Literal

import msgspec

from services.settings import Settings
from services.wallboard.known import Names


class Style(msgspec.Struct, frozen=True):
    """The same for all boards. A board may name people less, never more."""

    names: Names = "full"
    least: int = 1
    """Teams, regions and managers with fewer reps are not shown as groups of their own."""
    up: Literal["green", "red"] = "green"
    """The colour of what is better."""


def style(settings: Settings) -> Style:
    """As the settings have it."""
    return Style(settings.wall_names, settings.wall_least, settings.wall_up)
