"""Whatever a system sends, a delivery ends in events that are judged and in reasons: never in an error."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from events.codec import InvalidEvent, decode
from services.connectors.known import Nothing
from services.connectors.library import mapping_for
from services.connectors.payload import parse
from services.connectors.port import Untrusted
from services.connectors.registry import CONNECTORS
from services.connectors.translate import Terms, translate
from tests.oracle.real_path import NOW_MS
from tests.services.connectors.desk import PAYLOADS, hubspot, row, sample, stage

MAPPINGS = {system: mapping_for(system, "default", None) for system in CONNECTORS}
SAMPLES = [(path.stem.partition("_")[0], json.loads(sample(path.stem))) for path in sorted(PAYLOADS.glob("*.json"))]
SAMPLES += [("hubspot", hubspot(stage(1, 0, "closedwon"), ("deletion", 1, 1, "", ""), ("restore", 1, 2, "", "")))]
SAMPLES += [("jiandaoyun", row("update", form, "a", 0, amount="1", stage="赢单")) for form in ("商机", "订单", "线索")]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("9" * 300)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a payload."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(spot for key, each in inner for spot in spots(each, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A payload with something else in one place."""
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


@st.composite
def bent(draw: st.DrawFn) -> tuple[str, Any]:
    """A captured payload with something else in one or two places."""
    system, payload = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 2))):
        payload = put(payload, draw(st.sampled_from(spots(payload))), draw(values))
    return system, payload


def check(system: str, payload: Any) -> None:
    text = json.dumps(payload)
    read = payload if "NaN" in text or "Infinity" in text else parse(text.encode())
    connector = CONNECTORS[system]
    account = connector.account_of(read)
    assert isinstance(account, str | None)
    found = translate(connector.changes(read), MAPPINGS[system], Nothing(), Terms(f"/hooks/{system}/a", "CNY"))
    assert all(found.unknown)
    again = translate(connector.changes(read), MAPPINGS[system], Nothing(), Terms(f"/hooks/{system}/a", "CNY"))
    assert again == found, "the same delivery tells the same"
    assert all(problem.startswith(("data", "time", "id")) for problem in filter(None, map(refusal, found.events)))


def refusal(event: dict[str, Any]) -> str:
    """Why the journal would refuse an event, which is a dead letter then; empty if it would not."""
    try:
        decode(event, now_ms=NOW_MS, currency="CNY")
    except InvalidEvent as error:
        return str(error)
    return ""


@given(bent())
def test_a_bent_payload_does_no_harm(told: tuple[str, Any]) -> None:
    check(*told)


@given(st.sampled_from(sorted(CONNECTORS)), values)
def test_any_json_does_no_harm(system: str, payload: Any) -> None:
    check(system, payload)


headers = st.dictionaries(
    st.sampled_from(
        ["authorization", "x-api-key", "x-hubspot-signature-v3", "x-hubspot-request-timestamp", "x-jdy-signature"]
    ),
    st.text(max_size=30) | st.just("Basic é") | st.just("Bearer x"),
)


@given(st.sampled_from(sorted(CONNECTORS)), st.binary(max_size=40), headers, st.text(max_size=40))
def test_no_stranger_is_trusted(system: str, raw: bytes, told: dict[str, str], url: str) -> None:
    try:
        CONNECTORS[system].verify(raw, told, method="POST", url=url, secret="a secret nobody knows", now_ms=NOW_MS)
    except Untrusted:
        return
    raise AssertionError("a stranger was trusted")
