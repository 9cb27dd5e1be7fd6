"""Deals: opened, won and lost, how long that takes and how often it goes well."""

from typing import Final

from projections import deal_sources, sources
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
shared = count_of("shared", deal_sources.SHARED_WINS, expression="count * shared")
all_won = count_of("won", deal_sources.SHARED_WINS)
open_now = count_of("open_deals", sources.PIPELINE, window="point")
late_won, late_lost = (
    count_of("won", sources.WINS, window="quarter"),
    count_of("lost", sources.LOSSES, window="quarter"),
)
late_bookings = money_of("bookings", sources.WINS, window="quarter")
late_cycle = Part(name="cycle_ms", source=sources.CYCLES, expression="count * cycle_ms", unit="ms", window="quarter")
late_n = count_of("n", sources.CYCLES, window="quarter")

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
    Kpi(
        "shared_wins",
        "协作赢单占比",
        "Of the deals won, the share that two reps or more owned or were in touch about, until the win.",
        shared / all_won,
        "ratio",
        "neither",
    ),
    Kpi(
        "sales_velocity",
        "销售速度",
        "Bookings a day that the open deals promise: open deals times win rate times average deal size over the sales "
        "cycle in days; the last three of the trailing 90 days.",
        open_now * (late_won / (late_won + late_lost)) * (late_bookings / late_won) / (late_cycle / late_n / DAY_MS),
        "money",
    ),
)
