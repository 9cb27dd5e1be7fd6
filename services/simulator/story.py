"""What the themes of the story share: chance, the day, the diary, the agenda, the people."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from services.simulator.almanac import DAY_S, Almanac, Day
from services.simulator.diary import Diary
from services.simulator.dice import Dice
from services.simulator.scenery import OPEN_S, Region, Segment

Action = Callable[[Any, int], None]
"""Does something with an entity on a day."""


@dataclass(slots=True, eq=False)
class Team:
    """Reps, one of whom is their manager."""

    id: str
    region: Region
    manager: str | None = None
    """None until the first rep joins."""
    reps: list["Rep"] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Rep:
    """Someone who sells."""

    id: str
    name: str
    team: Team
    skill: float
    """Multiplies the odds of moving a deal on; 1 is average."""
    gone: bool = False
    won_fen: int = 0
    """Won since the last commission, in fen."""

    @property
    def region(self) -> Region:
        """Where the rep sells."""
        return self.team.region


@dataclass(slots=True, eq=False)
class Customer:
    """Someone who has bought."""

    id: str
    region: Region
    segment: Segment
    currency: str
    rep: Rep
    mood: float
    """From 0, about to leave, to 1, delighted."""
    place: int = -1
    """Among the customers that stay; -1 for one who left."""


class Story:
    """One run of the company's life."""

    def __init__(self, almanac: Almanac, diary: Diary, seed: int, heads: int) -> None:
        self.almanac: Final = almanac
        self.dice: Final = Dice(seed)
        self.tell: Final = diary.tell
        self.heads: Final = heads
        """How many reps the company wants to have."""
        self.today = almanac.days[0]
        self.teams: Final[list[Team]] = []
        self._selling: Final[dict[Region, list[Rep]]] = {}
        self._agenda: Final[dict[int, list[tuple[Action, Any]]]] = {}
        self._numbers: Final[dict[str, int]] = {}

    def number(self, letter: str) -> str:
        """The next id that begins with this letter: ``D-1042``."""
        number = self._numbers.get(letter, 0) + 1
        self._numbers[letter] = number
        return f"{letter}-{number}"

    def later(self, day: int, action: Action, entity: Any, region: Region | None = None) -> None:
        """Do something on a day to come; with a region, on the first working day from then on."""
        if region is not None:
            day = self.almanac.next_working(day, china=region.china)
        assert day > self.today.number, "the agenda of today is under way"
        self._agenda.setdefault(day, []).append((action, entity))

    def live(self, day: Day) -> None:
        """Do what is on the agenda for a day."""
        self.today = day
        for action, entity in self._agenda.pop(day.number, ()):
            action(entity, day.number)

    def hour(self, day: int, region: Region) -> int:
        """A moment of a day at which people work."""
        return day * DAY_S + region.opens * 3600 + int(self.dice.roll() * OPEN_S)

    def place(self, rep: Rep, team: Team) -> None:
        """The rep belongs to this team from now on."""
        self.displace(rep)
        rep.team, rep.gone = team, False
        team.reps.append(rep)
        self._selling.setdefault(team.region, []).append(rep)

    def displace(self, rep: Rep) -> None:
        """The rep belongs to no team any longer."""
        if rep in rep.team.reps:
            rep.team.reps.remove(rep)
            self._selling[rep.region].remove(rep)
        rep.gone = True

    def any_rep(self, region: Region) -> Rep:
        """A rep of the region; of another one where it has none. Somebody is always there."""
        return self.dice.pick(self._selling.get(region) or next(filter(None, self._selling.values())))

    def heir(self, rep: Rep) -> Rep:
        """The rep, or who sells in the place of one who left."""
        if not rep.gone:
            return rep
        return self.dice.pick(rep.team.reps) if rep.team.reps else self.any_rep(rep.region)


def text(fen: int) -> str:
    """Money in minor units as decimal text."""
    return f"{fen // 100}.{fen % 100:02d}"
