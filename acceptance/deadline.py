"""Waiting for what should happen at once, but not for ever."""

import time

#: Long enough for a busy machine; nothing that works comes near it.
PATIENCE_S = 30
PAUSE_S = 0.02


def eventually(what: str, look, within: float = PATIENCE_S):
    """Calls `look` until it returns something true, and returns that."""
    end = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"waited {within} s for {what}; last seen: {seen!r}"
        time.sleep(PAUSE_S)
