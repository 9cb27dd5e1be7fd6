"""Customers: won, kept and lost, and what they are worth."""

from functools import partial
from typing import Final

from projections import customer_sources, sources
from projections.formula import Inverse, Part
from projections.kpi import Kpi, count_of, money_of
from projections.kpis.money import spend

marketing = money_of("marketing", sources.SPEND, "if(category IN ('marketing', 'advertising', 'events'), amount, 0)")
new_customers = count_of("new_customers", sources.FIRST_PURCHASES)
of_members = partial(count_of, source=customer_sources.MEMBERS, stat="distinct", key="customer")
at_start = of_members("active_at_start", window="start")
left = of_members("churned", window="start", condition=customer_sources.LEFT, evidence="churn_event")
at_year_start = of_members("active_a_year_ago", window="year_start")
left_in_year = of_members("churned_in_year", window="year_start", condition=customer_sources.LEFT)
year_sales = money_of("year_sales", sources.SALES, window="year")
year_refunds = money_of("year_refunds", sources.REFUNDS, window="year")
year_spend = money_of("year_spend", sources.SPEND, window="year")
year_new = count_of("year_new_customers", sources.FIRST_PURCHASES, window="year")
active = count_of("active_customers", customer_sources.BUYERS, window="year", stat="distinct", key="customer")
lifespan = Part(name="lifespan_years", special="lifespan", window="year")
year_cac = year_spend / year_new
clv = ((year_sales - year_refunds) / active) * Inverse(rate=left_in_year / at_year_start, fallback=lifespan) - year_cac
bought = count_of("customers", customer_sources.REPEATERS, window="point", stat="distinct", key="customer")
again = count_of(
    "repeaters",
    customer_sources.REPEATERS,
    window="point",
    stat="distinct",
    key="customer",
    condition=customer_sources.AGAIN,
)

KPIS: Final = (
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
        "churned_customers",
        "流失客户数",
        "Times a customer left.",
        count_of("churned", sources.CHURNS),
        "count",
        "lower",
    ),
    Kpi(
        "repeat_purchase_rate",
        "复购率",
        "Of the customers who ever kept a purchase (win or order), the share that kept two or more.",
        again / bought,
        "ratio",
    ),
)
