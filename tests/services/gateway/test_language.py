"""Problems are told in the language that the caller reads; what programs read is the same in each."""

import re
from pathlib import Path

import pytest

from services.gateway import problems
from services.sentences import sentence
from tests.services.gateway.conftest import Teller

WON = {"specversion": "1.0", "id": "1", "source": "/crm", "type": "deal.won", "time": "2026-09-18T11:00:00+08:00"}


@pytest.mark.parametrize(
    ("told", "spoken"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("de,zh;q=0.5", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("zh;q=0,en;q=0.1", "en"),
        ("zh;q=0", "en"),
        ("*", "en"),
        ("", "en"),
        ("zh;q=nonsense", "en"),
    ],
)
def test_the_language_is_what_the_caller_likes_best(teller: Teller, told: str, spoken: str) -> None:
    answer = teller.http.get("/nowhere", headers={"Accept-Language": told})

    assert answer.headers["content-language"] == spoken
    assert answer.json()["detail"] == {
        "en": "there is nothing here; GET /openapi.json lists what there is",
        "zh": "此处没有内容；GET /openapi.json 列出全部接口",
    }[spoken]  # fmt: skip


def test_a_refused_event_says_in_chinese_what_is_allowed(teller: Teller) -> None:
    won = WON | {"data": {"deal_id": "D-1", "amount": 1.5}}
    headers = {"content-type": "application/cloudevents+json"}

    english = teller.tell(won, headers).json()
    chinese = teller.tell(won | {"id": "2"}, headers | {"accept-language": "zh"}).json()

    assert english["detail"].startswith("data.amount is a JSON float, and digits would be lost; allowed: a decimal")
    assert chinese["detail"].startswith('data.amount 为 JSON 浮点数，会丢失数位；允许：十进制字符串（如 "12000.50"）')
    assert (english["title"], chinese["title"]) == ("Invalid event", "事件不合格")
    assert chinese["allowed"].startswith("十进制字符串")
    assert [chinese[name] for name in ("type", "status", "field")] == [
        english[name] for name in ("type", "status", "field")
    ]
    assert [letter.reason for letter in teller.letters()] == [english["detail"]] * 2, "what is kept has no language"


def test_each_event_of_a_batch_says_in_chinese_why_it_was_refused(teller: Teller) -> None:
    headers = {"content-type": "application/cloudevents-batch+json", "accept-language": "zh"}

    told = teller.tell([WON, WON | {"data": {"deal_id": "D-1", "amount": "1.50"}}], headers).json()

    assert [each.get("reason") for each in told["results"]] == ["data 缺失；允许：含 deal.won 各字段的对象", None]


def test_every_kind_of_problem_has_a_title_in_chinese() -> None:
    source = "".join(file.read_text("utf-8") for file in Path(problems.__file__).parent.glob("*.py"))
    kinds = set(re.findall(r'Problem\(\s*\d{3}, "([a-z-]+)"', source)) | {"conflict", "invalid-event"}
    kinds |= {problems.of_status(status).kind for status in (404, 405)}

    assert len(kinds) > 15
    assert not [kind for kind in kinds if sentence(title := kind.replace("-", " ").capitalize()) == title]
