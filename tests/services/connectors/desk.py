"""A company whose CRMs push: a receiver over a real journal and ledger, and deliveries signed as each system does."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from events.codec import read
from events.envelope import Fact
from projections.ledger import Ledger
from projections.question import question
from services.connectors.hooks import Hooks
from services.connectors.receive import Received, Receiver, Request
from services.ingest import Ingest
from services.settings import Settings
from tests.oracle.real_path import NOW_MS, Company

PAYLOADS = Path(__file__).parent / "payloads"
SECRET = "a secret of sixteen characters"
URL = "https://sales.example.com/hooks/"
ACCOUNTS = {"hubspot": "12345678", "pipedrive": "8087566", "salesforce": "acme", "zoho": "acme", "jiandaoyun": "acme"}
AT_MS = 1_782_371_970_000
"""25 June 2026, 07:19:30 UTC."""


def sample(name: str) -> bytes:
    """A captured payload."""
    return (PAYLOADS / f"{name}.json").read_bytes()


def signed(system: str, raw: bytes, now_ms: int = NOW_MS, secret: str = SECRET) -> Request:
    """A delivery as the system sends it."""
    url, headers = URL + system, {"Content-Type": "application/json"}
    match system:
        case "hubspot":
            message = b"POST" + url.encode() + raw + str(now_ms).encode()
            digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
            headers["X-HubSpot-Request-Timestamp"] = str(now_ms)
            headers["X-HubSpot-Signature-v3"] = base64.b64encode(digest).decode()
        case "pipedrive":
            headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
        case "salesforce":
            headers["Authorization"] = f"Bearer {secret}"
        case "jiandaoyun":
            seconds = str(now_ms // 1000)
            url += f"?nonce=0f5ade&timestamp={seconds}"
            message = b":".join((b"0f5ade", raw, secret.encode(), seconds.encode()))
            headers["X-JDY-Signature"] = hashlib.sha1(message).hexdigest()
    return Request(raw, headers, "POST", url)


class Desk:
    """One tenant with a hook of every system."""

    def __init__(self, company: Company, mappings: Path | None = None) -> None:
        self.company = company
        self.settings = Settings(mappings=mappings)
        self.ingest = Ingest(company.journal, self.settings.currency)
        self.open()

    def open(self) -> None:
        """A new process: nothing is known but what is in journal, ledger and mappings."""
        told = [
            {
                "system": system,
                "tenant": self.company.tenant,
                "account": account,
                "secrets": ["the secret before this one", SECRET],
                "url": URL + system,
            }
            for system, account in ACCOUNTS.items()
        ]
        self.receiver = Receiver(
            self.company.journal,
            self.company.store,
            self.ingest,
            self.settings,
            now=lambda: NOW_MS,
            hooks=Hooks.model_validate({"hooks": told}),
        )

    def push(self, system: str, payload: Any) -> Received:
        """The system delivers."""
        if system == "zoho" and isinstance(payload, dict):
            payload = {**payload, "token": SECRET}
        raw = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
        return self.receiver.receive(system, signed(system, raw))

    def statuses(self, system: str, payload: Any) -> list[str]:
        """What became of the events of a delivery."""
        return [each.status for each in self.push(system, payload).outcomes]

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Types and data in the journal, in order."""
        bodies = [json.loads(each.body) for each in self.company.journal.read(self.company.tenant, 0, 10_000)]
        return [(each["type"], each["data"]) for each in bodies]

    def kpi(self, name: str, **more: Any) -> Any:
        """One number, as known now."""
        self.company.post()
        return self.company.books.ask(question(name, **more))["rows"][0]["value"]

    def balances(self) -> dict[tuple[Any, ...], tuple[int, int, int]]:
        """What the journal is worth by the books, line by line, without what cancels out."""
        entries = self.company.journal.read(self.company.tenant, 0, 100_000)
        facts = {(each.source, each.id): read(each) for each in entries}

        def locate(identity: tuple[str, str], before: int) -> Fact | None:
            found = facts.get(identity)
            return found if found is not None and found.position < before else None

        ledger = Ledger(load=lambda keys: {}, locate=locate, keep=100_000)
        sums: dict[tuple[Any, ...], tuple[int, int, int]] = {}
        for fact in facts.values():
            for line in ledger.post(fact):
                posting = line.posting
                key = (line.kind, line.entity, posting.measure, posting.at_ms, posting.dims, posting.currency)
                count, value, cost = sums.get(key, (0, 0, 0))
                sums[key] = count + posting.count, value + posting.amount, cost + posting.cost
        return {key: told for key, told in sums.items() if any(told)}


Open = Callable[..., Desk]


def hubspot(*changes: tuple[str, int, int, str, str], portal: int = 12345678) -> list[dict[str, Any]]:
    """Changes of deals: what, deal, seconds after AT_MS, property and value."""
    return [
        {
            "eventId": number,
            "subscriptionType": f"deal.{what}",
            "portalId": portal,
            "objectId": deal,
            "occurredAt": AT_MS + seconds * 1000,
            **({"propertyName": name, "propertyValue": value} if what == "propertyChange" else {}),
        }
        for number, (what, deal, seconds, name, value) in enumerate(changes)
    ]


def stage(deal: int, seconds: int, value: str) -> tuple[str, int, int, str, str]:
    """A deal went to a stage."""
    return ("propertyChange", deal, seconds, "dealstage", value)


def amount(deal: int, seconds: int, value: str) -> tuple[str, int, int, str, str]:
    """A deal has another amount."""
    return ("propertyChange", deal, seconds, "amount", value)


def row(op: str, form: str, id_: str, seconds: int, **values: Any) -> dict[str, Any]:
    """A row of a form of 简道云."""
    data = {"_id": id_, "appId": "app1", "entryId": "entry1", "formName": form, **values}
    return {"op": f"data_{op}", "opTime": AT_MS + seconds * 1000, "data": data}
