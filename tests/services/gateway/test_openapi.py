"""Whatever the OpenAPI document allows, and much that it does not, is answered as the document says, without an error.

``make fuzz`` tries more: SALESTREAM_FUZZ says how many requests of each route.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.clock import now_ms
from services.gateway.app import ROUTES
from services.gateway.gateway import Route
from services.gateway.server import address_of, bound, served_beside
from services.gateway.wiring import embedded
from services.keys.port import SCOPES
from services.keys.sqlite import SqliteKeys
from services.keys.tokens import create
from services.settings import Settings
from services.workspace import Workspace
from tests.services.test_receipt import STORY

EXAMPLES: Final = int(os.environ.get("SALESTREAM_FUZZ", "6"))
CHECKS: Final = (
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
)  # fmt: skip
PROMISED: Final = [route for route in ROUTES if route.path != "/api/stream"]
"""Which never ends."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """The document as it is served, over a rich little history, and a key that opens everything."""
    folder: Path = tmp_path_factory.mktemp("openapi")
    told = Settings(data=folder, rate_events_per_s=0)
    with Workspace(told) as workspace, SqliteKeys(told.keys_path) as keys:
        workspace.ingest().tell(STORY, now_ms=now_ms(), importer=True)
        token = create(keys, tenant="default", name="", scopes=SCOPES, now_ms=now_ms())[1]
        with (
            embedded(workspace, keys, "127.0.0.1") as (app, follower),
            bound("127.0.0.1", 0) as at,
            served_beside(app, at),
        ):
            deadline = time.monotonic() + 30
            while follower.behind() and time.monotonic() < deadline:
                time.sleep(0.05)
            document = httpx.get(f"{address_of(at)}/openapi.json", trust_env=False).json()
            schema = schemathesis.openapi.from_dict(document)
            schema.config.update(base_url=address_of(at))
            yield schema, token


@pytest.mark.parametrize("route", PROMISED, ids=[f"{route.method} {route.path}" for route in PROMISED])
def test_every_answer_is_one_that_the_document_promises(route: Route, served: tuple[Any, str]) -> None:
    schema, token = served
    operation = schema[route.path][route.method]
    modes = schemathesis.GenerationMode
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in (modes.POSITIVE, modes.NEGATIVE)))

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases)
    def holds(case: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(headers=headers, checks=list(CHECKS))

    holds()
