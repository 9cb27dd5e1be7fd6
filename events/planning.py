"""Planning: targets, exchange rates, pipelines and calendars. Whatever moves a number is an event."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from events.base import SalesEvent, Shape
from events.words import Allowed, Currency, Date, Name, Period, Probability, Quantity, Rate, Stage, TimeZone

Days = Annotated[list[Date], Field(max_length=1000), Allowed('a list of at most 1000 dates, such as ["2026-10-01"]')]


class TargetSet(SalesEvent, frozen=True, kw_only=True):
    """What is to be reached, by when, by whom. A later statement for the same replaces it."""

    TYPE: ClassVar[str] = "target.set"
    ZH: ClassVar[str] = "设定目标"
    KIND: ClassVar[str] = "target"

    kpi: Annotated[Name, Field(examples=["revenue"])]
    period: Period
    value: Quantity
    currency: Currency | None = None
    scope: Annotated[Literal["company", "team", "rep", "region", "product"], Field(examples=["team"])] = "company"
    scope_id: Annotated[Name, Field(examples=["team-2"])] | None = None

    def misfit(self) -> tuple[str, str] | None:
        """A scope below the company says which one."""
        if self.scope == "company" and self.scope_id is not None:
            return "scope_id", "does not fit scope company; allowed: absent, or a scope below the company"
        if self.scope != "company" and self.scope_id is None:
            return "scope_id", f"is missing; allowed: the id or name of the {self.scope}"
        return None


class FxRateSet(SalesEvent, frozen=True, kw_only=True):
    """One unit of ``base`` is worth ``rate`` of ``quote`` from now on."""

    TYPE: ClassVar[str] = "fx_rate.set"
    ZH: ClassVar[str] = "设定汇率"
    KIND: ClassVar[str] = "rates"

    base: Annotated[Currency, Field(examples=["USD"])]
    quote: Currency
    rate: Rate
    kind: Annotated[Literal["day", "period", "plan"], Field(examples=["period"])] = "day"
    period: Period | None = None


class StageDefinition(Shape, frozen=True, kw_only=True):
    """One stage of a pipeline: its id, the usual chance to win from it, and its name for people."""

    stage: Stage
    probability: Probability | None = None
    name: Annotated[Name, Field(examples=["Proposal"])] | None = None


class PipelineDefined(SalesEvent, frozen=True, kw_only=True):
    """The stages of a pipeline, in order, from now on."""

    TYPE: ClassVar[str] = "pipeline.defined"
    ZH: ClassVar[str] = "定义销售管道"
    KIND: ClassVar[str] = "pipeline"
    ENTITY: ClassVar[str | None] = "pipeline"

    pipeline: Annotated[Name, Field(examples=["default"])]
    stages: Annotated[
        list[StageDefinition],
        Field(
            min_length=1,
            max_length=100,
            examples=[
                [
                    {"stage": "qualified", "probability": "0.2", "name": "Qualified"},
                    {"stage": "proposal", "probability": "0.5", "name": "Proposal"},
                ]
            ],
        ),
        Allowed("a list of 1-100 objects with stage, probability and name, no stage twice"),
    ]

    def misfit(self) -> tuple[str, str] | None:
        """A stage has one place in the order."""
        if len({stage.stage for stage in self.stages}) < len(self.stages):
            return "stages", "names a stage twice; allowed: every stage once"
        return None


class CalendarDefined(SalesEvent, frozen=True, kw_only=True):
    """The tenant's time zone, currency, year and working days. What is absent stays as it was."""

    TYPE: ClassVar[str] = "calendar.defined"
    ZH: ClassVar[str] = "定义日历"
    KIND: ClassVar[str] = "calendar"

    timezone: TimeZone | None = None
    currency: Currency | None = None
    fiscal_year_start: (
        Annotated[int, Field(strict=True, ge=1, le=12, examples=[4]), Allowed("a month as a number, from 1 to 12")]
        | None
    ) = None
    """The month in which the fiscal year begins, 1-12."""
    week_start: Literal["monday", "saturday", "sunday"] | None = None
    holidays: Annotated[Days, Field(examples=[["2026-10-01", "2026-10-02"]])] | None = None
    """Days off that would be working days."""
    workdays: Annotated[Days, Field(examples=[["2026-10-10"]])] | None = None
    """Working days that would be days off, such as 调休."""


EVENTS: Final = (TargetSet, FxRateSet, PipelineDefined, CalendarDefined)
