"""What the settings say about all walls: how people are named, who is too few to show, which way is green."""

from typing import Literal

import msgspec

from services.settings import Settings
from services.wallboard.privacy import Privacy


class Style(msgspec.Struct, frozen=True):
    """The same for all boards."""

    privacy: Privacy = Privacy()
    up: Literal["green", "red"] = "green"
    """The colour of what is better."""


def style(settings: Settings) -> Style:
    """As the settings have it."""
    return Style(Privacy(settings.wall_names, settings.wall_least), settings.wall_up)
