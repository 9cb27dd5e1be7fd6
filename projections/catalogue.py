"""Every KPI, once. SQL, command line, documentation and tests are derived from these entries."""

from typing import Final

from projections.kpi import Kpi
from projections.kpis import customers, deals, leads, money, people, pipeline, surveys, targets

KPIS: Final[tuple[Kpi, ...]] = (
    *money.KPIS,
    *leads.KPIS,
    *deals.KPIS,
    *pipeline.KPIS,
    *customers.KPIS,
    *surveys.KPIS,
    *people.KPIS,
    *targets.KPIS,
)
BY_ID: Final[dict[str, Kpi]] = {kpi.id: kpi for kpi in KPIS}

assert len(BY_ID) == len(KPIS), "every KPI has an id of its own"
