"""Hiring: reps join, leave, move between teams, and learn."""

from typing import Final

from services.simulator.almanac import DAY_S, Day
from services.simulator.contacts import person
from services.simulator.scenery import COURSES, HR, REGIONS, SERVICE, Region
from services.simulator.story import Rep, Story, Team

TEAM_SIZE: Final = 8
LEAVES_A_MONTH: Final = 0.016
MOVES_A_MONTH: Final = 0.02
TRAINED_A_QUARTER: Final = 0.3
LEARNT: Final = 1.05
"""What a course multiplies a rep's skill by."""
BEST_SKILL: Final = 1.5


class Hiring:
    """Keeps the teams filled."""

    def __init__(self, story: Story) -> None:
        self._story: Final = story
        self._dice: Final = story.dice

    def found(self, day: Day) -> None:
        """The teams and their first reps."""
        heads = _heads(self._story.heads)
        for region in REGIONS:
            count = -(-heads[region] // TEAM_SIZE)
            teams = [self._team(region, number + 1) for number in range(count)]
            for number in range(heads[region]):
                self._join(teams[number % len(teams)], day.number)

    def day(self, day: Day) -> None:
        """Who leaves, who moves; training and team surveys have their days of the quarter."""
        if day.date.day == 3:
            for team in list(self._story.teams):
                for rep in list(team.reps):
                    self._stay(rep, day)
        if day.date.month % 3 == 2 and day.date.day == 12:
            self._course(day)
        if day.date.month % 3 == 0 and day.date.day == 20:
            self._ask_teams(day)

    def _team(self, region: Region, number: int) -> Team:
        team = Team(f"{region.slug}-{number}", region)
        self._story.teams.append(team)
        return team

    def _join(self, team: Team, day: int) -> None:
        skill = 1 + 0.35 * self._dice.bell()
        rep = Rep(self._story.number("rep"), person(self._dice, team.region), team, skill)
        self._story.place(rep, team)
        team.manager = team.manager or rep.id
        self._assign(rep, day * DAY_S + 8 * 3600)

    def _assign(self, rep: Rep, at: int) -> None:
        team = rep.team
        data = {"rep_id": rep.id, "name": rep.name, "team_id": team.id, "region": team.region.name}
        if team.manager and team.manager != rep.id:
            data["manager_id"] = team.manager
        self._story.tell(at, HR, "rep.assigned", data)

    def _stay(self, rep: Rep, day: Day) -> None:
        roll = self._dice.roll()
        if roll < LEAVES_A_MONTH and any(mate is not rep for team in self._story.teams for mate in team.reps):
            self._leave(rep, day)
        elif roll < LEAVES_A_MONTH + MOVES_A_MONTH and rep.id != rep.team.manager:
            self._move(rep, day)

    def _move(self, rep: Rep, day: Day) -> None:
        """To another team at home; nobody moves between China and EMEA."""
        others = [team for team in self._story.teams if team.region.china == rep.region.china and team is not rep.team]
        if others:
            self._story.place(rep, self._dice.pick(others))
            self._assign(rep, day.at + 8 * 3600)

    def _leave(self, rep: Rep, day: Day) -> None:
        """Gone this evening; the successor comes when found. Open deals are handed over when their turn comes."""
        team = rep.team
        self._story.displace(rep)
        if team.manager == rep.id:
            team.manager = team.reps[0].id if team.reps else None
            for mate in team.reps:
                self._assign(mate, day.at + 19 * 3600)
        self._story.tell(day.at + DAY_S - 60, HR, "rep.left", {"rep_id": rep.id})
        self._story.later(day.number + self._dice.between(3, 40), self._join, team, team.region)

    def _course(self, day: Day) -> None:
        course = self._dice.pick(COURSES)
        for team in self._story.teams:
            for rep in team.reps:
                if self._dice.chance(TRAINED_A_QUARTER):
                    self._train(rep, course, self._story.hour(day.number, rep.region))

    def _train(self, rep: Rep, course: str, at: int) -> None:
        before = self._dice.between(45, 75)
        after = min(100, before + self._dice.between(2, 24))
        rep.skill = min(BEST_SKILL, rep.skill * LEARNT)
        scores = {"pre_score": str(before), "post_score": str(after), "max_score": "100"}
        self._story.tell(at, HR, "training.completed", {"rep_id": rep.id, "course": course, **scores})
        self._answer("training", rep, at + 1800, self._dice.between(3, 5))

    def _ask_teams(self, day: Day) -> None:
        for team in self._story.teams:
            spirit = self._dice.between(2, 4)
            for rep in team.reps:
                if self._dice.chance(0.6):
                    score = max(1, min(5, spirit + self._dice.between(-1, 1)))
                    self._answer("collaboration", rep, self._story.hour(day.number, rep.region), score)

    def _answer(self, kind: str, rep: Rep, at: int, score: int) -> None:
        data = {"kind": kind, "score": str(score), "respondent_id": rep.id, "rep_id": rep.id}
        self._story.tell(at, SERVICE, "survey.answered", data)


def _heads(total: int) -> dict[Region, int]:
    """How many reps each region gets; every rep is somewhere, small companies start in the big regions."""
    heads: dict[Region, int] = dict.fromkeys(REGIONS, 0)
    for _ in range(total):
        heads[max(REGIONS, key=lambda region: region.share / (2 * heads[region] + 1))] += 1
    return heads
