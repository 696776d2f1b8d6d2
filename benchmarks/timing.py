"""Wall times that can be compared: runs taken in turn, so that all see the same machine."""

import statistics
import time
from collections.abc import Callable

import jax


def seconds(*runs: Callable[[], object], repeats: int = 7) -> list[float]:
    """Median wall time of each."""
    for run in runs:
        jax.block_until_ready(run())
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for run, times in zip(runs, taken, strict=True):
            started = time.perf_counter()
            jax.block_until_ready(run())
            times.append(time.perf_counter() - started)
    return [statistics.median(times) for times in taken]
