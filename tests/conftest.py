"""What every test stands on: how hard hypothesis searches, and settings that start out empty."""

import os

import pytest
from hypothesis import settings

# Shared modules whose assertions should explain themselves as a test's own do.
pytest.register_assert_rewrite("tests.contracts")

settings.register_profile("dev", max_examples=25, deadline=None, print_blob=True)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=False, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees no ``SALESTREAM_*`` variable that it has not set itself."""
    for name in [name for name in os.environ if name.startswith("SALESTREAM_")]:
        monkeypatch.delenv(name)
