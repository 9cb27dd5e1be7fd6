"""Deals: opened, won and lost, how long that takes and how often it goes well."""

from typing import Final

from projections import sources
from projections.formula import DAY_MS, Part
from projections.kpi import Kpi, count_of, money_of
from projections.kpis.money import bookings

won = count_of("won", sources.WINS)
lost = count_of("lost", sources.LOSSES)
won_value = money_of("won_value", sources.WINS)
lost_value = money_of("lost_value", sources.LOSSES)
cohort = count_of("created", sources.DEAL_COHORT, expression="if(measure = 'created', count, 0)")
cohort_won = count_of("won", sources.DEAL_COHORT, expression="if(outcome = 'won', count, 0)")
cohort_open = count_of("open", sources.DEAL_COHORT, expression="if(measure = 'created', count, -count)")
cycle = Part(name="cycle_ms", source=sources.CYCLES, expression="count * cycle_ms", unit="ms")
cycle_n = count_of("n", sources.CYCLES)
cycle_median = Part(
    name="median_ms", source=sources.CYCLES, expression="cycle_ms", unit="ms", stat="median", key="deal, cycle_ms"
)
won_n = count_of("n", sources.WINS)
from_deal = Part(name="cycle_ms", source=sources.WINS, expression="count * (until_ms - since_ms)", unit="ms")

KPIS: Final = (
    Kpi("deals_created", "新增商机数", "Deals opened.", count_of("deals", sources.CREATED), "count"),
    Kpi("deals_won", "赢单数", "Deals won, less those taken back.", won, "count"),
    Kpi("deals_lost", "输单数", "Deals lost, less those taken back.", lost, "count", "lower"),
    Kpi("average_deal_size", "客单价", "Bookings of the average won deal.", bookings / won, "money"),
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
)
