"""Money: what comes in, what it costs and what is left."""

from typing import Final

from projections import sources
from projections.kpi import Kpi, money_of

bookings = money_of("bookings", sources.WINS)
sales = money_of("sales", sources.SALES)
refunds = money_of("refunds", sources.REFUNDS)
cost = money_of("cost", sources.COSTS, "cost")
spend = money_of("spend", sources.SPEND)
revenue = sales - refunds
gross_profit = revenue - cost
net_profit = gross_profit - spend

KPIS: Final = (
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
)
