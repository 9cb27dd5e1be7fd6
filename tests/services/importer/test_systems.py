"""The mappings that ship, each against a small export in that system's own columns."""

from typing import Any

import pytest

from services.importer.library import systems
from services.importer.run import import_files
from tests.services.importer.office import Office

EXPORTS = {
    "salesforce": [
        '"Id","IsDeleted","AccountId","Name","StageName","Amount","CloseDate","LeadSource","IsClosed","IsWon","OwnerId",'
        '"CreatedDate","LastModifiedDate","CurrencyIsoCode","LastStageChangeDate"',
        '"006A","false","001A","Roof","Closed Won","1200.5","2026-03-01","Web","true","true","005L",'
        '"2026-01-05T08:00:00.000Z","2026-03-01T10:00:00.000Z","EUR","2026-03-01T10:00:00.000Z"',
        '"006B","false","001B","Wall","Closed Lost","","2026-03-02","","true","false","005W",'
        '"2026-01-06T08:00:00.000Z","2026-03-02T10:00:00.000Z","EUR","2026-03-02T10:00:00.000Z"',
        '"006C","false","001A","Door","Negotiation","900.0","2026-06-30","","false","false","005L",'
        '"2026-01-07T08:00:00.000Z","2026-02-02T10:00:00.000Z","EUR","2026-02-01T10:00:00.000Z"',
    ],
    "hubspot": [
        '"Record ID","Deal Name","Deal Stage","Pipeline","Amount","Currency","Deal owner","Create Date","Close Date",'
        '"Last Modified Date","Is Closed Won","Is closed lost","Closed Lost Reason","Associated Company"',
        '"11","Roof","Closed won","Sales Pipeline","1200.5","EUR","Li Na","2026-01-05 08:00","2026-03-01 00:00",'
        '"2026-03-01 10:00","true","false","","Acme"',
        '"12","Wall","Closed lost","Sales Pipeline","","EUR","Wu","2026-01-06 08:00","2026-03-02 00:00",'
        '"2026-03-02 10:00","false","true","price","Bolt"',
        '"13","Door","Contract sent","Sales Pipeline","900","EUR","Li Na","2026-01-07 08:00","2026-06-30 12:00",'
        '"2026-02-02 10:00","false","false","","Acme"',
    ],
    "pipedrive": [
        '"Deal - ID","Deal - Title","Deal - Value","Deal - Currency","Deal - Pipeline","Deal - Stage","Deal - Status",'
        '"Deal - Owner","Deal - Organization","Deal - Deal created","Deal - Update time","Deal - Last stage change",'
        '"Deal - Won time","Deal - Lost time","Deal - Lost reason","Deal - Expected close date"',
        '"11","Roof","1200.5","EUR","Sales","Offer","Won","Li","Acme","2026-01-05 08:00:00","2026-03-01 10:00:00","",'
        '"2026-03-01 00:00:00","","",""',
        '"12","Wall","","EUR","Sales","Offer","Lost","Wu","Bolt","2026-01-06 08:00:00","2026-03-02 10:00:00","","",'
        '"2026-03-02 00:00:00","price",""',
        '"13","Door","900","EUR","Sales","Offer","Open","Li Na","Acme","2026-01-07 08:00:00","2026-02-02 10:00:00",'
        '"2026-02-01 10:00:00","","","","2026-06-30"',
    ],
    "zoho": [
        '"Record Id","Deal Owner.id","Deal Owner","Amount","Deal Name","Closing Date","Account Name","Stage",'
        '"Currency","Created Time","Modified Time","Reason For Loss"',
        '"zcrm_1","7","Li Na","1,200.5","Roof","2026-03-01","Acme","Closed Won","EUR","2026-01-05 08:00:00",'
        '"2026-03-01 10:00:00",""',
        '"zcrm_2","8","Wu","","Wall","2026-03-02","Bolt","Closed Lost","EUR","2026-01-06 08:00:00",'
        '"2026-03-02 10:00:00","price"',
        '"zcrm_3","7","Li Na","900","Door","2026-06-30","Acme","Negotiation/Review","EUR","2026-01-07 08:00:00",'
        '"2026-02-02 10:00:00",""',
    ],
    "jiandaoyun": [
        "商机编号,商机名称,客户名称,商机阶段,商机金额,负责人,预计成交日期,成交日期,丢单原因,提交时间,更新时间",
        '1,屋顶,甲公司,赢单,"¥1,200.5",李娜,2026-03-01,2026-03-01,,2026-01-05 08:00:00,2026-03-01 10:00:00',
        "2,墙,乙公司,输单,,吴,2026-03-02,2026-03-02,价格,2026-01-06 08:00:00,2026-03-02 10:00:00",
        "3,门,甲公司,方案报价,900,李娜,2026-06-30,,,2026-01-07 08:00:00,2026-02-02 10:00:00",
    ],
}


def told(office: Office, system: str, lines: list[str], encoding: str = "utf-8") -> dict[str, Any]:
    """Imports an export through the mapping that ships."""
    return import_files(office, system, [office.file("export.csv", "\n".join(lines).encode(encoding))])


@pytest.mark.parametrize("system", EXPORTS)
def test_an_export_becomes_a_win_a_loss_and_an_open_deal(office: Office, system: str) -> None:
    report = told(office, system, EXPORTS[system])
    assert report["refused"] == []
    types = [event["type"] for event in office.told() if event["type"] != "deal.stage_moved"]
    assert types == ["deal.created", "deal.won", "deal.created", "deal.lost", "deal.created", "deal.updated"]
    won = next(event for event in office.told() if event["type"] == "deal.won")
    lost = next(event for event in office.told() if event["type"] == "deal.lost")
    updated = next(event for event in office.told() if event["type"] == "deal.updated")
    assert (won["data"]["amount"], won["time"][:16]) == ("1200.50", "2026-03-01T00:00")
    assert won["data"]["currency"] == ("CNY" if system == "jiandaoyun" else "EUR")
    assert {"rep_id", "customer_id"} <= won["data"].keys()
    assert lost["time"][:10] == "2026-03-02"
    assert (updated["data"]["amount"], updated["data"]["expected_close"]) == ("900.00", "2026-06-30")


@pytest.mark.parametrize("system", EXPORTS)
def test_next_weeks_export_brings_what_changed_and_nothing_twice(office: Office, system: str) -> None:
    first = told(office, system, EXPORTS[system])
    same = told(office, system, EXPORTS[system])
    assert (same["accepted"], same["duplicates"], same["refused"]) == (0, first["accepted"], [])
    changed = [
        line.replace("900", "950").replace("2026-02-02 10", "2026-02-09 10").replace("2026-02-02T10", "2026-02-09T10")
        for line in EXPORTS[system]
    ]
    later = told(office, system, changed)
    assert (later["accepted"], later["refused"]) == (1, [])
    newest = office.told()[-1]
    assert (newest["type"], newest["data"]["amount"], newest["time"][:10]) == ("deal.updated", "950.00", "2026-02-09")


def test_a_spreadsheet_in_chinese_may_have_the_encoding_of_chinese_spreadsheets(office: Office) -> None:
    assert told(office, "jiandaoyun", EXPORTS["jiandaoyun"], "gb18030")["accepted"] == 6
    assert office.data()[0]["rep_id"] == "李娜"


def test_every_mapping_that_ships_is_shown_an_export() -> None:
    assert sorted(EXPORTS) == systems()
