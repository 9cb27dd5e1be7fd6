"""A company, told day by day: the same seed gives the same years, byte for byte, on every machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgspec

from events.envelope import DEFAULT_TENANT
from projections.periods import add_months
from services.simulator.almanac import DAY_S, Almanac, day_number
from services.simulator.diary import Diary
from services.simulator.hiring import Hiring
from services.simulator.marketing import Marketing
from services.simulator.mess import USUAL, Mess, Mishaps
from services.simulator.ordering import Ordering
from services.simulator.planning import Planning
from services.simulator.prospecting import Prospecting
from services.simulator.selling import Selling
from services.simulator.serving import Serving
from services.simulator.story import Story

START: Final = date(2024, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Company:
    """A company that sells software in China and EMEA, and the mess in which that is told.

    It tells some 2,500 events a year for each rep: 40 reps make 200,000 in two years, 200 reps a million.
    """

    seed: int = 7
    years: int = 2
    reps: int = 40
    start: date = START
    until: date | None = None
    """The first day of which nothing is told; the end of the years where absent."""
    mess: Mess = USUAL
    tenant: str = DEFAULT_TENANT

    def __post_init__(self) -> None:
        if self.reps < 1:
            raise ValueError(f"a company of {self.reps} reps sells nothing; allowed: 1 or more")
        if self.end <= self.start:
            raise ValueError(f"the story ends on {self.end} before it begins; allowed: after {self.start}")

    @property
    def end(self) -> date:
        """The first day of which nothing is told."""
        return self.until or add_months(self.start, 12 * self.years)

    def events(self) -> Iterator[dict[str, Any]]:
        """Everything upstream systems tell, as structured CloudEvents with ``recordedtime``, in recorded order.

        Made day by day: only what is going on is kept in memory.
        """
        almanac = Almanac(self.start, self.end)
        # Two dice: the mess leaves the story as it is.
        diary = Diary(Mishaps(self.mess, 2 * self.seed + 1), self.tenant, day_number(self.end) * DAY_S)
        story = Story(almanac, diary, 2 * self.seed, self.reps)
        hiring, planning, ordering = Hiring(story), Planning(story), Ordering(story)
        serving = Serving(story, ordering)
        selling = Selling(story, planning, serving, ordering)
        marketing = Marketing(story, Prospecting(story, selling))
        hiring.found(almanac.days[0])
        planning.found(almanac.days[0])
        selling.found(almanac.days[0])
        for day in almanac.days:
            for theme in (planning, hiring, marketing, selling, serving, ordering):
                theme.day(day)
            story.live(day)
            yield from diary.close(day.number)

    def lines(self) -> Iterator[bytes]:
        """The same as JSON lines."""
        encode = msgspec.json.Encoder().encode
        for event in self.events():
            yield encode(event) + b"\n"
