"""Every KPI, once. SQL, command line, documentation and tests are derived from these entries."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final, Literal

from projections import sources
from projections.formula import DAY_MS, Constant, Formula, Inverse, Part, Unit
from projections.sources import PEOPLE, Source


@dataclass(frozen=True)
class Kpi:
    """One KPI: what it means, how it is computed, where the definition comes from."""

    id: str
    zh: str
    meaning: str
    formula: Formula
    unit: Unit
    better: Literal["higher", "lower", "neither"] = "higher"
    origin: str = "CONTRACT 3"
    also: tuple[Part, ...] = ()
    """Parts that are shown but not computed with."""
    needs: frozenset[str] = frozenset()
    """Dimensions without which the question makes no sense: they are added to ``by``."""

    @property
    def name(self) -> str:
        """The id without its variant."""
        return self.id.partition("/")[0]

    @property
    def variant(self) -> str | None:
        """What follows the slash."""
        return self.id.partition("/")[2] or None

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, those computed with first."""
        return tuple(dict.fromkeys(self.formula.parts() + self.also))

    @property
    def kind(self) -> str:
        """``stock`` where it stands at a moment, ``flow`` where it belongs to a period."""
        return "flow" if any(part.window in ("period", "start") for part in self.formula.parts()) else "stock"

    @property
    def dims(self) -> frozenset[str]:
        """What it can be grouped and filtered by: what all its parts can."""
        sets = [part.source.dims for part in self.parts if part.source]
        sets += [PEOPLE for part in self.parts if part.special == "rep_days"]
        return frozenset.intersection(*sets)

    @property
    def hash(self) -> str:
        """Of everything that makes the number: it changes when, and only when, the definition does."""
        told = [self.id, self.unit, self.formula.words()]
        told += [
            f"{p.name}|{p.expression}|{p.window}|{p.stat}|{p.key}|{p.condition}|{p.weighted}|{p.special}"
            for p in self.parts
        ]
        told += [part.source.sql(()) for part in self.parts if part.source]
        return hashlib.sha256(" ".join("\n".join(told).split()).encode()).hexdigest()[:16]


def _count(name: str, source: Source, **more: Any) -> Part:
    return Part(name=name, source=source, **more)


def _money(name: str, source: Source, expression: str = "amount", **more: Any) -> Part:
    return Part(name=name, source=source, expression=expression, unit="money", **more)


won = _count("won", sources.WINS)
lost = _count("lost", sources.LOSSES)
bookings = _money("bookings", sources.WINS)
sales = _money("sales", sources.SALES)
refunds = _money("refunds", sources.REFUNDS)
cost = _money("cost", sources.COSTS, "cost")
spend = _money("spend", sources.SPEND)
marketing = _money("marketing", sources.SPEND, "if(category IN ('marketing', 'advertising', 'events'), amount, 0)")
new_customers = _count("new_customers", sources.FIRST_PURCHASES)
revenue = sales - refunds
gross_profit = revenue - cost
net_profit = gross_profit - spend

won_value = _money("won_value", sources.WINS)
lost_value = _money("lost_value", sources.LOSSES)
cohort = _count("created", sources.DEAL_COHORT, expression="if(measure = 'created', count, 0)")
cohort_won = _count("won", sources.DEAL_COHORT, expression="if(outcome = 'won', count, 0)")
cohort_open = _count("open", sources.DEAL_COHORT, expression="if(measure = 'created', count, -count)")
leads = _count("leads", sources.LEAD_COHORT)
converted = _count("converted", sources.LEAD_COHORT, expression="count * won")

cycle = Part(name="cycle_ms", source=sources.CYCLES, expression="count * cycle_ms", unit="ms")
cycle_n = _count("n", sources.CYCLES)
cycle_median = Part(
    name="median_ms", source=sources.CYCLES, expression="cycle_ms", unit="ms", stat="median", key="deal, cycle_ms"
)
won_n = _count("n", sources.WINS)
from_deal = Part(name="cycle_ms", source=sources.WINS, expression="count * (until_ms - since_ms)", unit="ms")

entered = _count("entered", sources.ENTRIES)
reached = _count("reached", sources.ENTRIES, expression="count * reached")
entries_open = _count("open", sources.ENTRIES, expression="count * open")
exits = _count("exits", sources.VISITS)
forward = _count("forward", sources.VISITS, expression="count * forward")
visit = Part(name="visit_ms", source=sources.VISITS, expression="count * visit_ms", unit="ms")
visit_n = _count("n", sources.VISITS)
visit_median = Part(
    name="median_ms",
    source=sources.VISITS,
    expression="visit_ms",
    unit="ms",
    stat="median",
    key="event, visit_ms",
)

LEFT: Final = "churned AND to_ms < e"
at_start = _count("active_at_start", sources.MEMBERS, window="start", stat="distinct", key="customer")
left = _count(
    "churned", sources.MEMBERS, window="start", stat="distinct", key="customer", condition=LEFT, evidence="churn_event"
)
at_year_start = _count("active_a_year_ago", sources.MEMBERS, window="year_start", stat="distinct", key="customer")
left_in_year = _count(
    "churned_in_year", sources.MEMBERS, window="year_start", stat="distinct", key="customer", condition=LEFT
)

year_sales = _money("year_sales", sources.SALES, window="year")
year_refunds = _money("year_refunds", sources.REFUNDS, window="year")
year_spend = _money("year_spend", sources.SPEND, window="year")
year_new = _count("year_new_customers", sources.FIRST_PURCHASES, window="year")
active = _count("active_customers", sources.BUYERS, window="year", stat="distinct", key="customer")
lifespan = Part(name="lifespan_years", special="lifespan", window="year")
year_cac = year_spend / year_new
clv = ((year_sales - year_refunds) / active) * Inverse(rate=left_in_year / at_year_start, fallback=lifespan) - year_cac

csat_answers, satisfied = _count("answers", sources.CSAT), _count("satisfied", sources.SATISFIED)
nps_answers, promoters, detractors = (
    _count("answers", sources.NPS),
    _count("promoters", sources.PROMOTERS),
    _count("detractors", sources.DETRACTORS),
)
latest_csat = _count("answers", sources.LATEST_CSAT)
latest_satisfied = _count("satisfied", sources.LATEST_CSAT, expression="outcome = 'satisfied'")
latest_nps = _count("answers", sources.LATEST_NPS)
latest_promoters = _count("promoters", sources.LATEST_NPS, expression="outcome = 'promoter'")
latest_detractors = _count("detractors", sources.LATEST_NPS, expression="outcome = 'detractor'")
hundred = Constant(number=100)
touchpoints = _count("touchpoints", sources.TOUCHPOINTS)
rep_days = Part(name="rep_days", special="rep_days")

KPIS: Final[tuple[Kpi, ...]] = (
    Kpi("bookings", "成交额", "Sum of won amounts, at the won time.", bookings, "money"),
    Kpi(
        "revenue",
        "销售额",
        "Bookings and orders less refunds; an order that fulfils a deal adds nothing.",
        revenue,
        "money",
    ),
    Kpi("cost", "成本", "What wins and orders cost to deliver.", cost, "money", "lower"),
    Kpi("gross_profit", "毛利", "Revenue less cost.", gross_profit, "money"),
    Kpi("gross_margin", "毛利率", "Gross profit as a share of revenue.", gross_profit / revenue, "ratio"),
    Kpi("spend", "销售费用", "Recorded spend, each amount spread over the days it pays for.", spend, "money", "lower"),
    Kpi("net_profit", "净利润", "Gross profit less spend.", net_profit, "money"),
    Kpi("profit_margin", "利润率", "Net profit as a share of revenue.", net_profit / revenue, "ratio"),
    Kpi("leads_created", "线索数", "Leads that came in.", _count("leads", sources.LEADS), "count"),
    Kpi("leads_qualified", "合格线索数", "Leads that sales accepted.", _count("leads", sources.QUALIFIED), "count"),
    Kpi("deals_created", "新增商机数", "Deals opened.", _count("deals", sources.CREATED), "count"),
    Kpi("deals_won", "赢单数", "Deals won, less those taken back.", won, "count"),
    Kpi("deals_lost", "输单数", "Deals lost, less those taken back.", lost, "count", "lower"),
    Kpi("average_deal_size", "客单价", "Bookings of the average won deal.", bookings / won, "money"),
    Kpi(
        "new_customers", "新客户数量", "Customers whose first win or order lies in the period.", new_customers, "count"
    ),
    Kpi("cac", "客户获取成本", "Spend for each new customer.", spend / new_customers, "money", "lower"),
    Kpi(
        "cac/marketing",
        "客户获取成本（市场）",
        "Spend on marketing, advertising and events for each new customer.",
        marketing / new_customers,
        "money",
        "lower",
    ),
    Kpi(
        "clv",
        "客户终身价值",
        "Annual revenue of the average active customer over its lifespan, less what winning it cost. Trailing twelve "
        "months; active: bought in them; lifespan: one over the annual churn rate, or a setting where nobody churned.",
        clv,
        "money",
    ),
    Kpi(
        "clv_to_cac",
        "客户价值成本比",
        "What a customer is worth for each unit spent on winning it.",
        (clv + year_cac) / year_cac,
        "ratio",
    ),
    Kpi(
        "sales_cycle_days",
        "销售周期",
        "Mean days from first contact (lead, touchpoint or deal) to won, at the won time.",
        cycle / cycle_n / DAY_MS,
        "days",
        "lower",
    ),
    Kpi(
        "sales_cycle_days/median",
        "销售周期（中位数）",
        "Median days from first contact to won, of wins that stand.",
        cycle_median / DAY_MS,
        "days",
        "lower",
        also=(cycle_n,),
    ),
    Kpi(
        "sales_cycle_days/from_deal",
        "销售周期（自商机）",
        "Mean days from the deal's creation to won.",
        from_deal / won_n / DAY_MS,
        "days",
        "lower",
    ),
    Kpi("win_rate", "赢单率", "Of the deals closed in the period, the share won.", won / (won + lost), "ratio"),
    Kpi(
        "win_rate/created",
        "赢单率（按创建）",
        "Of the deals created in the period, the share won so far.",
        cohort_won / cohort,
        "ratio",
        also=(cohort_open,),
    ),
    Kpi(
        "win_rate/value",
        "赢单率（按金额）",
        "Of the value closed in the period, the share won.",
        won_value / (won_value + lost_value),
        "ratio",
    ),
    Kpi(
        "lead_conversion_rate",
        "线索转化率",
        "Of the leads created in the period, the share with a won deal so far.",
        converted / leads,
        "ratio",
    ),
    Kpi(
        "stage_conversion",
        "漏斗转换率",
        "By stage: of the deals that entered it in the period, the share that reached a later stage or won so far.",
        reached / entered,
        "ratio",
        also=(entries_open,),
        needs=frozenset({"stage"}),
    ),
    Kpi(
        "stage_conversion/period",
        "漏斗转换率（按期间）",
        "By stage: moves forward among all exits in the period.",
        forward / exits,
        "ratio",
        needs=frozenset({"stage"}),
    ),
    Kpi(
        "stage_days",
        "阶段停留",
        "By stage: mean days of a finished visit.",
        visit / visit_n / DAY_MS,
        "days",
        "lower",
        needs=frozenset({"stage"}),
    ),
    Kpi(
        "stage_days/median",
        "阶段停留（中位数）",
        "By stage: median days of a finished visit.",
        visit_median / DAY_MS,
        "days",
        "lower",
        also=(visit_n,),
        needs=frozenset({"stage"}),
    ),
    Kpi(
        "pipeline_value",
        "商机金额",
        "Amount of open deals.",
        _money("pipeline", sources.PIPELINE, window="point"),
        "money",
    ),
    Kpi(
        "open_deals",
        "进行中商机数",
        "Deals neither won nor lost.",
        _count("deals", sources.PIPELINE, window="point"),
        "count",
    ),
    Kpi(
        "weighted_pipeline",
        "加权商机金额",
        "Amount of open deals times the probability in force: the deal's own, else its stage's.",
        _money("pipeline", sources.PIPELINE, window="point", weighted=True),
        "money",
    ),
    Kpi(
        "churn_rate",
        "客户流失率",
        "Of the customers active at the period's start, the share that left in it.",
        left / at_start,
        "ratio",
        "lower",
    ),
    Kpi(
        "retention_rate",
        "客户留存率",
        "Of the customers active at the period's start, the share that did not leave in it.",
        (at_start - left) / at_start,
        "ratio",
    ),
    Kpi(
        "churned_customers", "流失客户数", "Times a customer left.", _count("churned", sources.CHURNS), "count", "lower"
    ),
    Kpi("csat", "客户满意度", "Share of csat answers that reach 0.8 of the scale.", satisfied / csat_answers, "ratio"),
    Kpi(
        "csat/customers",
        "客户满意度（按受访者）",
        "The same, of each respondent's latest answer in the period.",
        latest_satisfied / latest_csat,
        "ratio",
    ),
    Kpi(
        "nps",
        "净推荐值",
        "Percentage of promoters (9-10) less percentage of detractors (0-6), of all answers.",
        (promoters - detractors) / nps_answers * hundred,
        "score",
    ),
    Kpi(
        "nps/latest",
        "净推荐值（最新回答）",
        "The same, of each respondent's latest answer in the period.",
        (latest_promoters - latest_detractors) / latest_nps * hundred,
        "score",
    ),
    Kpi(
        "touchpoints",
        "客户接触次数",
        "Times a rep and a customer were in touch, machines left out.",
        touchpoints,
        "count",
    ),
    Kpi(
        "touchpoints_per_rep_day",
        "每日接触次数",
        "Touchpoints for each rep in place and working day; a day counts in every period that it overlaps.",
        touchpoints / rep_days,
        "per_day",
    ),
)

BY_ID: Final[dict[str, Kpi]] = {kpi.id: kpi for kpi in KPIS}

assert len(BY_ID) == len(KPIS), "every KPI has an id of its own"
