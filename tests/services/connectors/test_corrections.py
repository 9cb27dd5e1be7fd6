"""After a mapping was corrected the books are as if it had been right from the start, and nothing counts twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from events.envelope import to_text
from services.connectors.corrections import Library, Plan, Scope, plan
from services.connectors.library import mapping_for
from tests.oracle.real_path import NOW_MS, Company
from tests.services.connectors.desk import AT_MS, Desk, amount, hubspot, row, stage

SHIPPED = Path("services/connectors/mappings")


def folder(place: Path, changes: dict[str, Any]) -> Path:
    """A folder of mappings: those that ship, with changes such as ``hubspot.records.deal.won``."""
    place.mkdir(exist_ok=True)
    for system in ("hubspot", "jiandaoyun"):
        told = yaml.safe_load((Path(__file__).parents[3] / SHIPPED / f"{system}.yaml").read_text("utf-8"))
        for path, value in changes.items():
            first, *names = path.split(".")
            if first != system:
                continue
            inner = told
            for name in names[:-1]:
                inner = inner[name]
            if value is None:
                inner.pop(names[-1])
            else:
                inner[names[-1]] = value
        (place / f"{system}.yaml").write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    return place


def correct(desk: Desk, mappings: Path | None, **scope: Any) -> Plan:
    """Plans and tells the correction, as the command line does."""
    company = desk.company
    made = plan(company.journal, Scope(company.tenant, **scope), Library(company.tenant, mappings), "CNY", NOW_MS)
    outcomes = desk.ingest.tell(made.events, now_ms=NOW_MS, tenant=company.tenant) if made.events else []
    assert {each.status for each in outcomes} <= {"accepted"}, [each.reason for each in outcomes]
    return made


WRONG = (
    {"hubspot.records.deal.won": {"dealstage": "contractsent"}},
    {"hubspot.records.deal.fields.amount": "amount_in_home_currency"},
    {"hubspot.records.deal.values": {"stage": {"contractsent": "offer"}}, "hubspot.records.deal.first_stage": "new"},
    {"hubspot.records.deal": None},
    {"hubspot.records.deal.deleted": "keep"},
    {"hubspot.records.deal.fields.stage": "pipeline"},
    {"jiandaoyun.records.商机.won": {"stage": "方案报价"}},
    {"jiandaoyun.records.订单.tells": "order.refunded", "jiandaoyun.records.订单.fields": {"amount": "amount"}},
    {"jiandaoyun.records.订单": None, "jiandaoyun.records.商机.fields.rep_id": "customer"},
    {"jiandaoyun.records.商机.when": {"stage": ["赢单"]}},
)

deals = st.integers(1, 2)
seconds = st.integers(0, 5)
hubspot_changes = st.one_of(
    st.tuples(st.sampled_from(["creation", "deletion", "restore"]), deals, seconds, st.just(""), st.just("")),
    st.builds(stage, deals, seconds, st.sampled_from(["qualifiedtobuy", "contractsent", "closedwon", "closedlost"])),
    st.builds(amount, deals, seconds, st.sampled_from(["100", "250.5"])),
    st.tuples(st.just("propertyChange"), deals, seconds, st.just("pipeline"), st.sampled_from(["default", "partner"])),
)
rows = st.builds(
    row,
    st.sampled_from(["create", "update", "update", "remove", "recover"]),
    st.sampled_from(["商机", "订单"]),
    st.sampled_from(["a", "b"]),
    seconds,
    stage=st.sampled_from(["方案报价", "赢单", "输单"]),
    amount=st.sampled_from([100, 70.25]),
    customer=st.sampled_from(["甲", "乙"]),
)


def in_one(changes: list[tuple[str, int, int, str, str]]) -> list[dict[str, Any]]:
    """Changes in one delivery."""
    return hubspot(*changes)


def at_moments_of_their_own(told: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """No two changes of a row have one time: they would be the same change."""
    return [
        (system, payload | {"opTime": payload["opTime"] + place} if system == "jiandaoyun" else payload)
        for place, (system, payload) in enumerate(told)
    ]


deliveries = st.lists(
    st.one_of(
        st.tuples(st.just("hubspot"), st.lists(hubspot_changes, min_size=1, max_size=4).map(in_one)),
        st.tuples(st.just("jiandaoyun"), rows),
    ),
    min_size=1,
    max_size=10,
).map(at_moments_of_their_own)  # fmt: skip


def test_any_correction_gives_the_books_of_a_clean_start(company: Callable[..., Company], tmp_path: Path) -> None:
    @given(deliveries, st.sampled_from(WRONG), st.booleans())
    @settings(max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # shrinking takes minutes
    def check(told: list[tuple[str, Any]], wrong: dict[str, Any], again: bool) -> None:
        bad, good = folder(tmp_path / "bad", wrong), folder(tmp_path / "good", {})
        spoilt, clean = Desk(company(), bad), Desk(company(), good)
        for system, payload in [*told, *(told[:2] if again else [])]:
            spoilt.push(system, payload)
            clean.push(system, payload)
        correct(spoilt, good)
        assert spoilt.balances() == clean.balances()
        assert correct(spoilt, good).events == []
        assert correct(clean, good).events == [], "what was translated rightly stays as it is"
        spoilt.settings = clean.settings
        spoilt.open()
        if "restore" in str(told) or "recover" in str(told):
            return  # one that came too early does its work when it comes again
        for system, payload in told:
            assert {each.status for each in spoilt.push(system, payload).outcomes} <= {"duplicate"}
        assert spoilt.balances() == clean.balances()

    check()


def test_back_and_forth_counts_once(company: Callable[..., Company], tmp_path: Path) -> None:
    wrong = folder(tmp_path / "wrong", {"hubspot.records.deal.won": {"dealstage": "contractsent"}})
    desk = Desk(company(), wrong)
    desk.push("hubspot", hubspot(amount(7, 0, "100"), stage(7, 1, "contractsent"), amount(8, 0, "10")))
    desk.push("hubspot", hubspot(stage(8, 1, "closedwon")))
    assert desk.kpi("bookings") == "100.00"
    made = correct(desk, None)
    assert (len(made.voided), len(made.told), made.same, made.deliveries) == (2, 2, 2, 2)
    assert (desk.kpi("bookings"), desk.kpi("deals_won")) == ("10.00", 1)
    correct(desk, wrong)
    assert desk.kpi("bookings") == "100.00"
    correct(desk, None)
    assert (desk.kpi("bookings"), desk.kpi("deals_won")) == ("10.00", 1)


def test_what_somebody_voided_by_hand_stays_voided(company: Callable[..., Company], tmp_path: Path) -> None:
    desk = Desk(company())
    desk.push("hubspot", hubspot(amount(7, 0, "100"), stage(7, 1, "closedwon")))
    won = desk.company.journal.read(desk.company.tenant, 1, 1)[0]
    desk.company.tell(
        [
            {
                "specversion": "1.0",
                "id": "v",
                "source": "/by-hand",
                "type": "event.voided",
                "time": to_text(AT_MS),
                "data": {"source": won.source, "id": won.id},
            }
        ]
    )
    changed = folder(tmp_path / "new", {"hubspot.records.deal.fields.rep_id": "owner"})
    made = correct(desk, changed)
    assert (made.by_hand, made.events) == (1, [])
    assert desk.kpi("deals_won") == 0


def test_only_what_is_in_scope_is_told_anew(company: Callable[..., Company], tmp_path: Path) -> None:
    desk = Desk(company(), folder(tmp_path / "bad", {"hubspot.records.deal": None}))
    desk.push("hubspot", hubspot(amount(7, 0, "100"), stage(7, 1, "closedwon")))
    assert correct(desk, None, system="zoho").deliveries == 0
    assert correct(desk, None, since_ms=NOW_MS + 1).deliveries == 0
    assert len(correct(desk, None, since_ms=NOW_MS, system="hubspot").told) == 2
    assert mapping_for("hubspot", "anybody", None).records["deal"].tells == "deal"


def test_a_dry_plan_tells_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.push("hubspot", hubspot(amount(7, 0, "100")))
    before = desk.company.journal.head(desk.company.tenant)
    library = Library(desk.company.tenant, folder(tmp_path / "x", {"hubspot.records.deal": None}))
    steps: list[int] = []
    made = plan(desk.company.journal, Scope(desk.company.tenant), library, "CNY", NOW_MS, steps.append)
    assert (len(made.voided), made.told, sum(steps)) == (1, [], 2)
    assert desk.company.journal.head(desk.company.tenant) == before
