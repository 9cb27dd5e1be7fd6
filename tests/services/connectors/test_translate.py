"""What payloads mean: every captured one exactly, and what the books are worth after what systems really do."""

import json
from typing import Any

import pytest

from events.codec import decode
from projections.question import question
from services.connectors.known import Nothing
from services.connectors.library import mapping_for
from services.connectors.payload import parse
from services.connectors.port import Translation
from services.connectors.registry import CONNECTORS
from services.connectors.translate import Terms, translate
from tests.oracle.real_path import NOW_MS
from tests.services.connectors.desk import ACCOUNTS, AT_MS, PAYLOADS, Desk, amount, hubspot, row, sample, stage

SAMPLES = sorted(path.stem for path in PAYLOADS.glob("*.json"))
GOLDEN = PAYLOADS / "golden" / "events.json"


def of(name: str) -> Translation:
    """What a captured payload tells to empty books."""
    system = name.partition("_")[0]
    changes = CONNECTORS[system].changes(parse(sample(name)))
    return translate(changes, mapping_for(system, "default", None), Nothing(), Terms(f"/hooks/{system}/acme", "CNY"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_captured_payload_tells_exactly_this(name: str) -> None:
    found = of(name)
    assert {"events": found.events, "unknown": found.unknown} == json.loads(GOLDEN.read_text("utf-8"))[name]
    for event in found.events:
        decode(event, now_ms=NOW_MS, currency="CNY")


@pytest.mark.parametrize("name", SAMPLES)
def test_told_again_it_is_a_duplicate(desk: Desk, name: str) -> None:
    system, payload = name.partition("_")[0], json.loads(sample(name))
    if system == "hubspot":
        payload = [each | {"portalId": int(ACCOUNTS[system])} for each in payload]
    if system == "pipedrive":
        payload["meta"]["company_id"] = ACCOUNTS[system]
    first = desk.statuses(system, payload)
    desk.company.post()
    desk.open()
    assert set(first) == {"accepted"}
    assert desk.statuses(system, payload) == ["duplicate"] * len(first)


def test_hubspot_tells_a_sale_in_pieces(desk: Desk) -> None:
    desk.push("hubspot", hubspot(("creation", 7, 0, "", ""), stage(7, 1, "qualifiedtobuy"), amount(7, 2, "2000")))
    desk.push("hubspot", hubspot(("propertyChange", 7, 3, "hubspot_owner_id", "41")))
    assert (desk.kpi("open_deals"), desk.kpi("pipeline_value")) == (1, "2000.00")
    desk.push("hubspot", hubspot(stage(7, 3600, "closedwon")))
    assert desk.told()[-1] == ("deal.won", {"deal_id": "7", "amount": "2000.00", "currency": "CNY"})
    assert (desk.kpi("bookings"), desk.kpi("bookings", where=["rep_id=41"])) == ("2000.00", "2000.00")
    assert desk.kpi("open_deals") == 0
    stages = desk.company.books.ask(question("stage_conversion", by=["stage"]))["rows"]
    assert [each["stage"] for each in stages] == ["qualifiedtobuy"], "it was never anywhere else"


def test_a_win_that_comes_before_its_amount_is_corrected_at_its_own_time(desk: Desk) -> None:
    won = hubspot(stage(7, 3600, "closedwon"))
    assert desk.push("hubspot", won).unknown == ["deal was won for an amount that is not known yet; told as 0"]
    assert desk.kpi("bookings") == "0.00"
    late = hubspot(amount(7, 60, "2500"))
    desk.push("hubspot", late)
    assert desk.kpi("bookings") == "2500.00"
    desk.push("hubspot", hubspot(amount(7, 30, "100"), ("creation", 7, 0, "", ""), stage(7, 10, "contractsent")))
    assert desk.kpi("bookings", to="2026-06-26") == "2500.00"
    for again in (won, late):
        assert set(desk.statuses("hubspot", again)) == {"duplicate"}
    assert desk.kpi("bookings") == "2500.00"
    assert desk.kpi("deals_won") == 1


def test_a_closed_deal_that_goes_back_is_reopened(desk: Desk) -> None:
    desk.push("hubspot", hubspot(amount(7, 0, "50"), stage(7, 1, "closedwon")))
    back = hubspot(stage(7, 60, "contractsent"))
    desk.push("hubspot", back)
    assert desk.told()[-1] == ("deal.reopened", {"deal_id": "7", "stage": "contractsent"})
    assert (desk.kpi("bookings"), desk.kpi("open_deals")) == ("0.00", 1)
    desk.push("hubspot", hubspot(stage(7, 120, "closedlost")))
    assert desk.statuses("hubspot", back) == ["duplicate"]
    assert (desk.kpi("deals_lost"), desk.kpi("open_deals")) == (1, 0)


def test_a_deleted_deal_never_was_until_it_is_restored(desk: Desk) -> None:
    desk.push("hubspot", hubspot(("creation", 7, 0, "", ""), amount(7, 1, "90"), stage(7, 2, "closedwon")))
    before = desk.balances()
    deleted = hubspot(("deletion", 7, 60, "", ""))
    desk.push("hubspot", deleted)
    assert (desk.kpi("bookings"), desk.kpi("deals_created")) == ("0.00", 0)
    late = desk.push("hubspot", hubspot(stage(7, 30, "contractsent")))
    assert late.unknown == ["deal changed is older than the deletion of the record"]
    desk.push("hubspot", hubspot(("restore", 7, 120, "", "")))
    assert desk.balances() == before
    assert desk.statuses("hubspot", deleted) == ["duplicate"]
    assert desk.kpi("bookings") == "90.00"


def test_hubspot_merges_and_erasures_tell_nothing_and_say_so(desk: Desk) -> None:
    payload = hubspot(("merge", 7, 0, "", ""), ("privacyDeletion", 8, 0, "", ""))
    received = desk.push("hubspot", [*payload, 5, {"portalId": 12345678}])
    assert received.outcomes == []
    assert [each.partition(" tells")[0] for each in received.unknown[:2]] == ["deal.merge", "deal.privacyDeletion"]
    assert len(received.unknown) == 4


def test_hubspot_associations_name_the_customer(desk: Desk) -> None:
    desk.push("hubspot", hubspot(("creation", 7, 0, "", ""), amount(7, 1, "90"), stage(7, 1, "closedwon")))
    link = {
        "subscriptionType": "deal.associationChange", "associationType": "DEAL_TO_COMPANY", "portalId": 12345678,
        "fromObjectId": 7, "toObjectId": 55, "occurredAt": AT_MS, "associationRemoved": False,
    }  # fmt: skip
    desk.push("hubspot", [link])
    assert desk.kpi("bookings", where=["customer=55"]) == "90.00"


def pipedrive(action: str, seconds: int, previous: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    """A webhook of Pipedrive."""
    payload: dict[str, Any] = json.loads(sample("pipedrive_v2_deal_create"))
    payload["meta"] |= {"action": action, "id": f"{action}-{seconds}", "timestamp": AT_MS // 1000 + seconds}
    payload["data"] = {**payload["data"], "add_time": "2026-06-25T07:00:00Z", **data} if action != "delete" else None
    payload["previous"] = previous
    return payload


def test_pipedrive_tells_what_changed_and_what_it_was(desk: Desk) -> None:
    desk.push("pipedrive", pipedrive("create", 0, value=100))
    desk.push("pipedrive", pipedrive("change", 60, {"stage_id": 2, "value": 100}, stage_id=3, value=150.5))
    assert desk.told()[-2:] == [
        ("deal.stage_moved", {"deal_id": "8", "to_stage": "3", "from_stage": "2"}),
        ("deal.updated", {"deal_id": "8", "amount": "150.50", "currency": "EUR"}),
    ]
    won = {"status": "won", "won_time": "2026-06-25T07:30:00Z", "value": 150.5, "stage_id": 3}
    desk.push("pipedrive", pipedrive("change", 7200, {"status": "open", "won_time": None}, **won))
    assert json.loads(desk.company.journal.read(desk.company.tenant, 3, 1)[0].body)["time"] == "2026-06-25T07:30:00Z"
    assert desk.kpi("bookings", currency="EUR") == "150.50"
    desk.push("pipedrive", pipedrive("change", 7300, {"status": "won"}, value=150.5, stage_id=3))
    assert desk.told()[-1] == ("deal.reopened", {"deal_id": "8", "stage": "3"})
    lost = desk.push("pipedrive", pipedrive("change", 7400, {"status": "open"}, status="lost", lost_reason="price"))
    assert desk.told()[-1] == ("deal.lost", {"deal_id": "8", "reason": "price"})
    assert lost.unknown == []
    desk.push("pipedrive", pipedrive("delete", 8000, {"id": 8}))
    assert desk.kpi("deals_created") == 0


def test_pipedrive_merges_tell_nothing(desk: Desk) -> None:
    received = desk.push("pipedrive", pipedrive("change", 0, {"merged_from_id": None}, merged_from_id=9))
    assert received.outcomes == []
    assert "merge" in received.unknown[0]


def test_pipedrive_custom_fields_and_done_activities(desk: Desk) -> None:
    payload = pipedrive("create", 0)
    payload["meta"] |= {"entity": "activity", "entity_id": "4"}
    payload["data"] = {"id": 4, "type": "lunch", "done": False, "owner_id": 41, "deal_id": 8, "due_date": "2026-06-24"}
    assert desk.push("pipedrive", payload).outcomes == []
    payload["meta"] |= {"action": "change", "id": "done", "timestamp": AT_MS // 1000 + 60}
    payload["data"]["done"], payload["previous"] = True, {"done": False}
    desk.push("pipedrive", payload)
    assert desk.told() == [
        (
            "touchpoint.logged",
            {"direction": "outbound", "automated": False, "kind": "meeting", "rep_id": "41", "deal_id": "8"},
        )
    ]
    payload["meta"] |= {"action": "change", "id": "undone", "timestamp": AT_MS // 1000 + 90}
    payload["data"]["done"], payload["previous"] = False, {"done": True}
    desk.push("pipedrive", payload)
    assert desk.kpi("touchpoints") == 0


def test_salesforce_fills_the_amount_of_a_win_and_reads_gaps_as_gaps(desk: Desk) -> None:
    created, won = json.loads(sample("salesforce_cdc_opportunity_create")), json.loads(
        sample("salesforce_cdc_opportunity_update")
    )  # fmt: skip
    desk.push("salesforce", created)
    desk.push("salesforce", {"detail": won})
    assert desk.told()[-1][1]["amount"] == "40000.00"
    assert desk.kpi("bookings") == "40000.00"
    won["payload"]["ChangeEventHeader"] |= {"changeType": "GAP_UPDATE"}
    assert desk.push("salesforce", won).unknown == ["GAP_UPDATE of Opportunity is a gap: read the record again"]
    won["payload"]["ChangeEventHeader"] |= {"changeType": "UPDATE", "recordIds": ["001*"]}
    assert "no single record" in desk.push("salesforce", won).unknown[0]


def test_salesforce_closes_and_opens_several_records_in_one_event(desk: Desk) -> None:
    event = json.loads(sample("salesforce_cdc_opportunity_update"))["payload"]
    header = event["ChangeEventHeader"] | {"recordIds": ["A", "B"]}
    lost = {"ChangeEventHeader": header, "StageName": "Closed Lost", "IsClosed": True}
    desk.push("salesforce", lost)
    header = header | {"sequenceNumber": 2, "commitTimestamp": header["commitTimestamp"] + 1000, "recordIds": ["A"]}
    desk.push("salesforce", {"ChangeEventHeader": header, "StageName": "Proposal", "IsClosed": False})
    assert [each[0] for each in desk.told()] == ["deal.lost", "deal.lost", "deal.reopened"]
    assert (desk.kpi("deals_lost"), desk.kpi("open_deals")) == (1, 1)


def test_zoho_says_when_it_sends_ids_only(desk: Desk) -> None:
    payload = json.loads(sample("zoho_crm_notification"))
    del payload["affected_values"]
    received = desk.push("zoho", payload)
    assert received.outcomes == []
    assert "return_affected_field_values" in received.unknown[0]
    desk.push("zoho", payload | {"operation": "insert"})
    assert [each[0] for each in desk.told()] == ["deal.created", "deal.created"]
    desk.push("zoho", payload | {"operation": "delete", "server_time": payload["server_time"] + 1})
    assert desk.kpi("deals_created") == 0


def test_jiandaoyun_tells_whole_rows_and_their_wins_once(desk: Desk) -> None:
    deal = {"deal_no": "S-1", "stage": "方案报价", "amount": 120000.5, "owner": {"username": "li"}, "customer": "甲"}
    desk.push("jiandaoyun", row("create", "商机", "a", 0, **deal))
    desk.push("jiandaoyun", row("update", "商机", "a", 60, **deal | {"stage": "赢单", "closed_on": "2026-06-24"}))
    desk.push("jiandaoyun", row("update", "商机", "a", 90, **deal | {"stage": "赢单", "amount": 110000}))
    assert [each[0] for each in desk.told()] == ["deal.created", "deal.won", "deal.updated"]
    assert (desk.kpi("deals_won"), desk.kpi("bookings", where=["customer=甲"])) == (1, "110000.00")
    desk.push("jiandaoyun", row("update", "商机", "a", 120, **deal | {"stage": "初步接洽"}))
    assert [each[0] for each in desk.told()[-2:]] == ["deal.reopened", "deal.updated"]
    assert (desk.kpi("bookings"), desk.kpi("open_deals")) == ("0.00", 1)


def test_an_order_that_is_corrected_in_the_form_counts_once(desk: Desk) -> None:
    order = {"order_no": "O-1", "amount": 500, "customer": "甲", "ordered_on": "2026-06-01T02:00:00.000Z"}
    create = row("create", "订单", "b", 0, **order)
    change = row("update", "订单", "b", 60, **order | {"amount": 450.25})
    desk.push("jiandaoyun", create)
    desk.push("jiandaoyun", change)
    assert desk.kpi("revenue") == "450.25"
    assert desk.statuses("jiandaoyun", change) == ["duplicate"]
    assert desk.statuses("jiandaoyun", create) == ["duplicate"]
    older = desk.push("jiandaoyun", row("update", "订单", "b", 30, **order | {"amount": 1}))
    assert older.unknown == ["app1/entry1 changed is older than what is known of the record"]
    same = desk.push("jiandaoyun", row("update", "订单", "b", 70, **order | {"amount": 450.25, "note": "x"}))
    assert same.unknown == ["app1/entry1 changed says nothing new"]
    desk.push("jiandaoyun", row("remove", "订单", "b", 90, **order))
    assert desk.kpi("revenue") == "0.00"
    desk.push("jiandaoyun", row("recover", "订单", "b", 120, **order))
    assert desk.kpi("revenue") == "500.00"


def test_a_form_without_a_mapping_is_kept_and_named(desk: Desk) -> None:
    received = desk.push("jiandaoyun", row("create", "请假", "c", 0))
    assert received.unknown == ["app1/entry1 请假 is not in the mapping"]
    assert [each.number for each in desk.company.journal.inbox(desk.company.tenant, 0, 10)] == [received.number]


def test_leads_and_customers(desk: Desk) -> None:
    lead = {"lead_no": "L-1", "status": "新建", "owner": {"username": "li"}, "channel": "展会"}
    desk.push("jiandaoyun", row("create", "线索", "l", 0, **lead))
    desk.push("jiandaoyun", row("update", "线索", "l", 60, **lead | {"status": "有效"}))
    desk.push("jiandaoyun", row("update", "线索", "l", 90, **lead | {"status": "有效"}))
    assert (desk.kpi("leads_created"), desk.kpi("leads_qualified")) == (1, 1)
    account = {"ChangeEventHeader": {
        "entityName": "Account", "recordIds": ["1"], "changeType": "UPDATE", "commitTimestamp": AT_MS,
        "transactionKey": "k", "sequenceNumber": 1, "changedFields": ["Industry"],
    }, "Industry": "retail"}  # fmt: skip
    desk.push("salesforce", account)
    assert desk.told()[-1] == ("customer.updated", {"customer_id": "1", "segment": "retail"})


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[" * 100_000, b"NaN", b'{"a": 1e400}', b"1" * 5000])
def test_a_body_that_cannot_be_read_is_kept_all_the_same(desk: Desk, body: bytes) -> None:
    received = desk.push("salesforce", body)
    assert received.outcomes == []
    assert len(received.unknown) == 1
    assert desk.company.journal.inbox(desk.company.tenant, 0, 10)[0].raw == body


def test_no_header_that_may_hold_a_secret_is_kept(desk: Desk) -> None:
    desk.push("pipedrive", pipedrive("create", 0))
    (kept,) = desk.company.journal.inbox(desk.company.tenant, 0, 10)
    assert kept.headers == {"salestream-account": "8087566"}
