"""The wall clock. Everywhere else time is a parameter, so that a replay and a test can say what time it is."""

import time


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000
