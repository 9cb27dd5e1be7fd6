"""A thousand persons are told in every way there is; a hundred are erased; every byte of every file is read."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from services.clock import now_ms
from services.keys.sqlite import SqliteKeys
from services.keys.tokens import create
from tests.services.cli.conftest import Ran, process
from tests.services.connectors.desk import SECRET, row, signed
from tests.services.gateway.conftest import BATCH, STRUCTURED
from tests.services.gateway.test_serve import served

pytestmark = pytest.mark.e2e

PERSONS: Final = 1000
ERASED: Final = 100
CANARY: Final = re.compile(rb"canary-(\d{4})-zx")
FORM: Final = """
currency: CNY
timezone: Asia/Shanghai
records:
  contacts:
    tells: lead
    fields: {lead_id: lead_no, contact.name: name, contact.email: mail, region: region}
"""


def canary(number: int) -> str:
    """What tells who a person is."""
    return f"canary-{number:04}-zx"


def event(number: int) -> dict[str, Any]:
    """Something about a person, of all types that hold something personal."""
    name, id_ = canary(number), f"S-{number}"
    contact = {"name": name, "email": f"{name}@example.com", "phone": f"+86 {name}", "company": f"{name} Ltd"}
    type_, data = [
        ("lead.created", {"lead_id": id_, "contact": contact, "region": "华东"}),
        ("customer.updated", {"customer_id": id_, "contact": contact}),
        ("rep.assigned", {"rep_id": id_, "name": name, "team_id": "t"}),
        ("survey.answered", {"kind": "nps", "score": 9, "respondent_id": id_, "comment": f"ask {name}"}),
    ][number % 4]
    time = "2026-03-02T09:00:00+08:00"
    return {"specversion": "1.0", "id": f"e{number}", "source": "/crm", "type": type_, "time": time, "data": data}


def subject(number: int) -> str:
    """Whom that is about."""
    return f"{['lead', 'customer', 'rep', 'respondent'][number % 4]}:S-{number}"


def bad(number: int) -> dict[str, Any]:
    """The same, refused: its time is none."""
    return event(number) | {"id": f"bad{number}", "time": "yesterday"}


def run(folder: Path, *args: object, ok: tuple[int, ...] = (0,)) -> Ran:
    """One command in a process of its own, whose output is kept as a log would be."""
    running = process("--data", folder, *args, stdin=subprocess.DEVNULL)
    out, err = running.communicate(timeout=300)
    assert running.returncode in ok, err
    return Ran(running.returncode, out, err)


def found(folder: Path) -> set[int]:
    """The persons whose canary stands in clear in any byte of any file, also in UTF-16."""
    there: set[int] = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            there |= {int(each) for form in (content, content.replace(b"\0", b"")) for each in CANARY.findall(form)}
    return there


def deliver(http: httpx.Client, numbers: range) -> None:
    """A form of 简道云, each row about a person."""
    for number in numbers:
        values = {"lead_no": f"S-{number}", "name": canary(number), "mail": canary(number), "region": "华北"}
        raw = json.dumps(row("create", "contacts", f"r{number}", 0, **values)).encode()
        request = signed("jiandaoyun", raw, now_ms())
        query = request.url.partition("?")[2]
        answer = http.post(f"/hooks/jiandaoyun?{query}", content=raw, headers=request.headers)
        assert answer.json()["accepted"] == 1, answer.text


def tell(http: httpx.Client, numbers: range) -> None:
    """Batches, single events, refusals and conflicts over HTTP."""
    for start in range(numbers.start, numbers.stop, 100):
        batch = [event(number) for number in range(start, start + 100)]
        http.post("/events", json=batch, headers=BATCH).raise_for_status()
    for number in numbers[:20]:
        assert http.post("/events", json=bad(number), headers=STRUCTURED).status_code == 422
        other = event(number) | {"time": "2026-04-02T09:00:00+08:00"}
        assert http.post("/events", json=other, headers=STRUCTURED).status_code == 409
        assert http.post("/events", content=json.dumps(event(number))[:-4], headers=STRUCTURED).status_code >= 400


@pytest.fixture
def hooks(tmp_path: Path) -> dict[str, str]:
    """The settings of a hook."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "jiandaoyun.yaml").write_text(FORM, "utf-8")
    hook = {"system": "jiandaoyun", "account": "acme", "secrets": [SECRET]}
    path = tmp_path / "hooks.yaml"
    path.touch(0o600)
    path.write_text(json.dumps({"hooks": [hook]}), "utf-8")
    return {"SALESTREAM_HOOKS": str(path), "SALESTREAM_MAPPINGS": str(tmp_path / "mappings")}


def test_nothing_personal_is_in_clear_and_the_erased_are_gone(tmp_path: Path, hooks: dict[str, str]) -> None:
    folder, outside, logs = tmp_path / "data", tmp_path / "outside", tmp_path / "data" / "serve.log"
    outside.mkdir()
    told = [*map(event, range(600)), *map(bad, range(20))]
    (outside / "told.jsonl").write_text("\n".join(map(json.dumps, told)) + "\n{" + canary(7) + "\n", "utf-8")
    assert run(folder, "ingest", outside / "told.jsonl", ok=(3,)).code == 3
    with SqliteKeys(folder / "keys.sqlite") as keys:
        scopes = ["ingest", "read", "admin", "erase"]
        _, token = create(keys, tenant="default", name="", scopes=scopes, now_ms=now_ms())  # type: ignore[arg-type]

    with served(folder, **hooks) as server:
        server.http.headers["authorization"] = f"Bearer {token}"
        tell(server.http, range(600, 900))
        deliver(server.http, range(900, PERSONS))
        gone = {"subject": subject(0)}, {"subject": "lead:S-950"}
        erased = [server.http.post("/api/erasures", json=each).json() for each in gone]
        shown = server.http.get("/api/history/lead/S-950").json()
        kept = server.http.get("/api/history/lead/S-951").json()
        audit = server.http.get("/api/trail", params={"type": "subject.erased"}).json()
        logs.write_text(server.end().err, "utf-8")

    before = run(folder, "--json", "digest").json
    names = [subject(number) for number in range(ERASED - 2, 0, -1)]
    run(folder, "erase", "--yes", *names)
    after = run(folder, "--json", "digest").json
    again = run(folder, "--json", "ingest", outside / "told.jsonl", ok=(3,)).json

    assert found(outside) == set(range(600)), "the scan finds what is there"
    assert found(folder) == set()
    assert [each["already"] for each in erased] == [False, False]
    assert (shown["events"][0]["personal"], kept["events"][0]["personal"]) == ("erased", "open")
    assert kept["events"][0]["data"]["contact"]["name"] == canary(951)
    assert [each["data"]["subject"] for each in audit] == [subject(0), "lead:S-950"]
    assert before["ledger"] == after["ledger"]
    assert after["position"] - before["position"] == len(names)
    assert (again["accepted"], again["duplicates"]) == (0, 600)
    assert run(folder, "verify").code == 0
    assert canary(33) not in run(folder, "subject", "export", subject(33)).out
    assert canary(333) in run(folder, "subject", "export", subject(333)).out
