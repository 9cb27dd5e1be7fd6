"""Who a delivery is from: known-answer signatures, and what comes of a changed byte or an old delivery."""

import hashlib
from collections.abc import Callable

import pytest

from services.connectors.port import Untrusted
from services.connectors.registry import CONNECTORS
from services.journal.port import Journal
from tests.oracle.real_path import NOW_MS
from tests.services.connectors.desk import SECRET, Desk, hubspot, sample, signed

HUBSPOT_MS = 1782371973000
# Worked out with openssl, from the schemes that the vendors describe.
HUBSPOT = {
    "x-hubspot-signature-v3": "YfE9jYDvZj8kEJpZB2SzTJecVf2ryQYbP4Cwpghgqqo=",
    "x-hubspot-request-timestamp": str(HUBSPOT_MS),
}
HUBSPOT_URL = "https://example.com/in/hubspot"
JDY = {"x-jdy-signature": "3e79694467948665b36389a6e99a941332c45b2e"}
JDY_URL = "https://example.com/jdy/hook?timestamp=1498586609&nonce=0f5ade"
JDY_MS = 1498586609000


def check_hubspot(
    raw: bytes = sample("hubspot_v3_batch"), url: str = HUBSPOT_URL, method: str = "POST",
    secret: str = "client-secret", now_ms: int = HUBSPOT_MS, **headers: str,
) -> None:  # fmt: skip
    given = {**HUBSPOT, **{name.replace("_", "-"): value for name, value in headers.items()}}
    CONNECTORS["hubspot"].verify(raw, given, method=method, url=url, secret=secret, now_ms=now_ms)


def check_jdy(
    raw: bytes = sample("jiandaoyun_data_create"), url: str = JDY_URL, secret: str = "test-secret", now_ms: int = JDY_MS
) -> None:
    CONNECTORS["jiandaoyun"].verify(raw, JDY, method="POST", url=url, secret=secret, now_ms=now_ms)


def test_the_signatures_of_the_systems_are_right() -> None:
    check_hubspot()
    check_jdy()


def test_hubspot_signs_some_signs_of_the_address_decoded() -> None:
    raw = b"[]"
    request = signed("hubspot", raw)
    coded = request.url.replace(":", "%3A").replace("/", "%2f")
    headers = {name.lower(): value for name, value in request.headers.items()}
    CONNECTORS["hubspot"].verify(raw, headers, method="POST", url=coded, secret=SECRET, now_ms=NOW_MS)


@pytest.mark.parametrize(
    "forged",
    [
        lambda: check_hubspot(raw=sample("hubspot_v3_batch") + b" "),
        lambda: check_hubspot(url=HUBSPOT_URL + "?x=1"),
        lambda: check_hubspot(method="PUT"),
        lambda: check_hubspot(secret="client-secreT"),
        lambda: check_hubspot(x_hubspot_request_timestamp=str(HUBSPOT_MS + 1)),
        lambda: check_hubspot(x_hubspot_signature_v3=""),
        lambda: check_hubspot(x_hubspot_signature_v3="ü"),
        lambda: check_jdy(raw=sample("jiandaoyun_data_create").replace(b"120000.5", b"120000.6")),
        lambda: check_jdy(url=JDY_URL.replace("0f5ade", "0f5adf")),
        lambda: check_jdy(url=JDY_URL.replace("1498586609", "1498586608")),
        lambda: check_jdy(secret="other"),
    ],
    ids=[
        "body", "address", "method", "secret", "time", "empty", "no ascii",
        "body of jdy", "nonce of jdy", "time of jdy", "secret of jdy",
    ],
)  # fmt: skip
def test_a_changed_delivery_is_not_trusted(forged: Callable[[], None]) -> None:
    with pytest.raises(Untrusted, match="is not right"):
        forged()


@pytest.mark.parametrize("minutes", [-6, 6, 60 * 24])
def test_a_replay_of_hubspot_is_not_trusted(minutes: int) -> None:
    check_hubspot(now_ms=HUBSPOT_MS + 4 * 60_000)
    with pytest.raises(Untrusted, match="5 minutes"):
        check_hubspot(now_ms=HUBSPOT_MS + minutes * 60_000)


def test_a_replay_of_jiandaoyun_is_not_trusted() -> None:
    check_jdy(now_ms=JDY_MS + 9 * 60_000)
    with pytest.raises(Untrusted, match="10 minutes"):
        check_jdy(now_ms=JDY_MS + 11 * 60_000)


def test_old_signatures_of_hubspot_are_not_taken_for_they_can_be_replayed() -> None:
    raw = sample("hubspot_v3_batch")
    headers = {"x-hubspot-signature": hashlib.sha256(b"client-secret" + raw).hexdigest()}
    with pytest.raises(Untrusted, match="version 3"):
        CONNECTORS["hubspot"].verify(
            raw, headers, method="POST", url=HUBSPOT_URL, secret="client-secret", now_ms=HUBSPOT_MS
        )


@pytest.mark.parametrize("system", CONNECTORS)
def test_every_system_knows_its_own_and_refuses_strangers(system: str) -> None:
    raw = b'{"token": "' + SECRET.encode() + b'"}'
    request = signed(system, raw)
    headers = {name.lower(): value for name, value in request.headers.items()}
    verify = CONNECTORS[system].verify
    verify(raw, headers, method="POST", url=request.url, secret=SECRET, now_ms=NOW_MS)
    for strange in ({}, {"authorization": "Basic ???"}, {"authorization": "Digest x"}):
        with pytest.raises(Untrusted):
            verify(b"{}", strange, method="POST", url=request.url, secret=SECRET, now_ms=NOW_MS)
    with pytest.raises(Untrusted) as told:
        verify(raw, headers, method="POST", url=request.url, secret="another secret, as long", now_ms=NOW_MS)
    assert SECRET not in str(told.value)


def test_what_is_not_trusted_is_counted_and_not_kept(desk: Desk) -> None:
    raw = b"[]"
    with pytest.raises(Untrusted):
        desk.receiver.receive("hubspot", signed("hubspot", raw, secret="not the secret of this hook"))
    journal: Journal = desk.company.journal
    assert desk.receiver.untrusted == {"hubspot": 1}
    assert journal.inbox(desk.company.tenant, 0, 10) == []


def test_a_delivery_of_another_account_is_not_trusted(desk: Desk) -> None:
    with pytest.raises(Untrusted, match="account"):
        desk.push("hubspot", hubspot(("creation", 1, 0, "", ""), portal=99))
