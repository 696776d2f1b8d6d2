"""Fibrillation in sampled left atria: does it last, how fast does it turn, what does it cost?"""

import time
from collections.abc import Iterator

import numpy as np

from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.meshes.atrium import Atrium
from twin.simulation.atria.conduction import AtrialWall
from twin.simulation.atria.rhythm import Fibrillation, fibrillate

NODES = 30_000
ATTEMPTS, LASTING = 10, 3000.0
FASTEST, SLOWEST = 130.0, 220.0
SPEED_RUN = 1000.0


def figures(quick: bool) -> Iterator[Figure]:
    attempts, duration = (1, 100.0) if quick else (ATTEMPTS, LASTING)
    runs, seconds = [], []
    for seed in range(attempts):
        run, taken = _run(seed, duration)
        runs.append(run)
        seconds.append(taken * SPEED_RUN / duration)
    how = (
        f"modified Mitchell-Schaeffer, {attempts} sampled atria of about {NODES:,} nodes, "
        f"{duration:g} ms each from one spiral on the back"
    )
    share = float(np.mean([run.sustained for run in runs]))
    yield at_least("af_sustained_share", share, 0.6, "", f"{how}; alive in the last 200 ms")
    cycle = float(np.nanmean([run.cycle_length for run in runs]))
    within = FASTEST <= cycle <= SLOWEST
    target = f"{FASTEST:g} to {SLOWEST:g}"
    yield Figure("af_cycle_ms", cycle, "ms", target, within, f"{how}; mean cycle length")
    tips = np.mean([run.singularities.mean() for run in runs])
    yield report("af_mean_singularities", tips, "", f"{how}; phase singularities at a time")
    yield at_most("af_1s_seconds", float(np.median(seconds)), 30.0, "s", f"{how}; a second of it")


def _run(seed: int, duration: float) -> tuple[Fibrillation, float]:
    """The run, and how long it took."""
    conducting = AtrialWall().of(Atrium.sample(seed, nodes=NODES))
    started = time.perf_counter()
    run = fibrillate(conducting, duration)
    return run, time.perf_counter() - started
