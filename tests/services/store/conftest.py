"""What the store's tests stand on."""

import pytest

# The contract's assertions explain themselves, as a test's own do.
pytest.register_assert_rewrite("tests.services.store.contract")
