"""Where the time goes: seconds on the clock by stage of the work, for the manifest."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_seconds: ContextVar[dict[str, float] | None] = ContextVar("seconds", default=None)


@contextmanager
def clocked() -> Iterator[dict[str, float]]:
    """Collects the seconds of every `stage` within the block."""
    found: dict[str, float] = {}
    token = _seconds.set(found)
    try:
        yield found
    finally:
        _seconds.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Adds the block's time to `name`. A stage within a stage is counted in both."""
    started = time.perf_counter()
    try:
        yield
    finally:
        found = _seconds.get()
        if found is not None:
            found[name] = round(found.get(name, 0.0) + time.perf_counter() - started, 4)
