"""Default deny: whatever is served says what it needs, and whoever has not that is refused."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from services.clock import now_ms
from services.gateway import wall
from services.gateway.access import IMPLIED, is_local
from services.gateway.app import ROUTES
from services.gateway.gateway import Route
from services.gateway.wiring import open_to
from services.keys.port import SCOPES, Scope
from services.keys.tokens import rotate
from services.settings import Settings
from tests.services.gateway.conftest import STRUCTURED, House, event, serving

STATIC = Path(wall.__file__).parents[1] / "wallboard" / "static"
PAGE = {"/", *(f"/{path.name}" for path in STATIC.iterdir() if path.suffix in (".js", ".css", ".svg", ".woff2"))} - {
    "/echarts.entry.js"
}
DOCUMENTS = {"/docs", "/openapi.json", "/asyncapi.json", "/schemas/{type}/{version}.json"}
PUBLIC = {"/healthz", "/readyz", "/hooks/{system}", *PAGE, *DOCUMENTS}
"""What needs no key: nothing of anybody is in it, or, of hooks, the delivery proves itself."""
REFUSED = {401: "unauthorized", 403: "forbidden"}


@pytest.fixture
def anybody(house: House) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.url, timeout=30, trust_env=False) as http:
        yield http


def operations(anybody: httpx.Client) -> list[tuple[str, str, Scope | None]]:
    """Everything that is served, as the OpenAPI document has it: method, path and scope."""
    document = anybody.get("/openapi.json").json()
    return [
        (method.upper(), path, told.get("x-scope"))
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]


def asked(http: httpx.Client, method: str, path: str, token: str | None) -> httpx.Response:
    """One request that would be fine, with this key."""
    for name, value in {"type": "deal.won", "version": "1", "entity": "deal", "id": "revenue"}.items():
        path = path.replace(f"{{{name}}}", value)
    body = {"json": event()} if method == "POST" else {}
    headers = STRUCTURED | ({"authorization": f"Bearer {token}"} if token is not None else {})
    return http.request(method, path, headers=headers, **body)  # type: ignore[arg-type]


def test_the_document_has_every_route_and_no_other_is_served(house: House, anybody: httpx.Client) -> None:
    assert {path for _, path, scope in operations(anybody) if scope is None} == PUBLIC
    assert {(route.method, route.path, route.scope) for route in ROUTES} == set(operations(anybody))
    for path in ("/redoc", "/docs/oauth2-redirect", "/events/", "/openapi.yaml"):
        assert anybody.get(path).status_code == 404, path


def test_every_route_by_every_scope(house: House, anybody: httpx.Client) -> None:
    tokens: dict[Scope, str] = {scope: house.key(scope)[1] for scope in SCOPES}
    all_others: dict[Scope, str] = {
        scope: house.key(*(other for other in SCOPES if other != scope))[1] for scope in SCOPES
    }
    guarded = [each for each in operations(anybody) if each[2] is not None]
    assert guarded

    for method, path, needed in guarded:
        assert needed is not None
        for scope, token in tokens.items():
            answer = asked(anybody, method, path, token)
            may = scope in IMPLIED.get(needed, (needed,))
            assert answer.status_code == (answer.status_code if may else 403), (path, scope)
            # This house has no store to read: whoever may is told so, or what the question lacks.
            assert (answer.is_success or answer.status_code in (400, 503)) == may, (path, scope)
        if needed in IMPLIED:
            continue
        answer = asked(anybody, method, path, all_others[needed])
        assert (answer.status_code, answer.json()["scope"]) == (403, needed)
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_every_route_without_a_good_key(house: House, anybody: httpx.Client) -> None:
    tenant, good = house.key()
    prefix, secret = good.split("_", 2)[1:]
    expired = house.key(expires_ms=now_ms() + 1)[1]
    revoked = house.key()[1]
    house.keys.revoke(revoked.split("_")[1], now_ms())
    replaced = house.key()[1]
    rotate(house.keys, replaced.split("_")[1], now_ms=now_ms(), old_until_ms=now_ms())
    other = house.key()[1].split("_", 2)[2]
    bad = [expired, revoked, replaced, "x", good.upper(), f"{good}x", f"ss_{prefix}_{other}", f"ss__{secret}", secret]

    for method, path, needed in operations(anybody):
        if needed is None:
            continue
        for token in [None, *bad]:
            answer = asked(anybody, method, path, token)
            assert answer.status_code == 401, (path, token)
            assert answer.headers["www-authenticate"].startswith('Bearer realm="salestream"')
            assert answer.headers["content-type"] == "application/problem+json"
        for header in (f"Basic {good}", good, f"Bearer {good}, Bearer {good}", f"Bearer {good} {good}", "Bearer"):
            assert anybody.request(method, path, headers={"authorization": header}).status_code == 401, header
    assert house.journal.tally(tenant).told == 0


def test_a_foreign_tenant_is_no_help_on_any_route(house: House, anybody: httpx.Client) -> None:
    mine, token = house.key()
    theirs, _ = house.key()
    for headers in ({"ce-tenant": theirs}, {"x-tenant": theirs}, {"tenant": theirs}, {"cookie": f"tenant={theirs}"}):
        told = {"authorization": f"Bearer {token}"} | STRUCTURED | headers
        anybody.post(f"/events?tenant={theirs}", json=event("x" + next(iter(headers))), headers=told)
        refused = anybody.post("/events", json=event("y", tenant=theirs), headers=told)
        assert (refused.status_code, refused.json()["field"]) == (422, "tenant")

    assert house.journal.tally(theirs).told == 0
    assert house.journal.head(mine).position == 4


def test_two_keys_at_once_are_none(house: House) -> None:
    _, token = house.key()
    for second in (token, house.key()[1]):
        keys = f"Authorization: Bearer {token}\r\nAuthorization: Bearer {second}\r\n"
        assert house.raw(f"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{keys}\r\n".encode()).startswith(
            b"HTTP/1.1 401"
        )


def test_a_refused_key_is_in_the_log_without_its_secret(
    house: House, anybody: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    _, token = house.key("read")
    prefix, secret = token.split("_", 2)[1:]
    asked(anybody, "POST", "/events", token)
    asked(anybody, "POST", "/events", token[:-1] + "-")
    asked(anybody, "POST", "/events", "ss_\n_secret-of-somebody".replace("\n", "x"))

    assert f"refused key {prefix} from 127.0.0.1" in caplog.text
    assert "it has not the scope ingest" in caplog.text
    assert "its secret is wrong" in caplog.text
    assert secret[:-1] not in caplog.text
    assert "secret-of-somebody" not in caplog.text


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[House]:
    with serving(tmp_path / "open", open_on_loopback=True) as house:
        yield house


def test_on_this_machine_no_key_is_needed_where_that_was_switched_on(open_house: House) -> None:
    with httpx.Client(base_url=open_house.url, trust_env=False) as http:
        assert http.post("/events", json=event(), headers=STRUCTURED).status_code == 202
        assert http.post("/events", json=event(tenant="acme"), headers=STRUCTURED).status_code == 202
        assert http.get("/metrics").status_code == 200
        for headers in (
            {"authorization": "Bearer ss_wrong"},
            {"x-forwarded-for": "127.0.0.1"},
            {"forwarded": "for=127.0.0.1"},
            {"host": "rebound.example:80"},
            {"host": "127.0.0.1.example"},
            {"host": "localhost@example"},
        ):
            assert http.post("/events", json=event(), headers=STRUCTURED | headers).status_code == 401, headers
        assert http.get("/metrics", headers={"host": f"localhost:{open_house.port}"}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.com", ""])
def test_beyond_this_machine_a_key_is_always_needed(host: str, tmp_path: Path) -> None:
    assert open_to(Settings(data=tmp_path, open_on_loopback=True), host) is None
    assert open_to(Settings(data=tmp_path), "127.0.0.1") is None
    caller = open_to(Settings(data=tmp_path, open_on_loopback=True, tenant="acme"), "127.0.0.1")
    assert caller is not None
    assert caller.tenant == "acme"


@pytest.mark.parametrize(
    ("peer", "host", "local"),
    [
        ("127.0.0.1", "localhost:8080", True),
        ("::1", "[::1]:8080", True),
        ("127.0.0.1", "", False),
        ("192.0.2.7", "localhost", False),
        ("192.0.2.7", "127.0.0.1", False),
        ("127.0.0.1", "LOCALHOST.evil", False),
    ],
)
def test_who_is_on_this_machine(peer: str, host: str, local: bool) -> None:
    request = Request({"type": "http", "client": (peer, 5), "headers": [(b"host", host.encode())]})

    assert is_local(request) == local


def test_no_route_can_be_declared_without_saying_what_it_needs() -> None:
    told = {name: None for name in Route.__struct_fields__ if name != "scope"}

    with pytest.raises(TypeError, match="scope"):
        Route(**told)  # type: ignore[arg-type]
