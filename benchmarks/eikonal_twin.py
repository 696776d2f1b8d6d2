"""The eikonal engine in pure JAX: against sweeps over the whole mesh, and on a GPU."""

import statistics
import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from twin.benchmarks.eikonal import Case, machine
from twin.benchmarks.figure import Figure, at_least, at_most
from twin.benchmarks.timing import seconds
from twin.simulation.fronts.arrivals_reference import (
    EDGES_OF_PLACE,
    OTHERS,
    arrive,
    edge_lengths,
    solve,
)

BATCH = 64


def figures(quick: bool) -> Iterator[Figure]:
    yield _over_jacobi(0.5 if quick else 0.25)
    yield from _on_a_gpu(0.3 if quick else 0.1225)


def jacobi(rings, metric, speeds, blocked, begin):
    """Times by whole sweeps: every element updates its four nodes from the times of the sweep
    before, until none improves; and the number of sweeps. Column by column, as the twin is."""
    durations = jnp.sqrt(edge_lengths(metric, speeds, blocked))
    corners = [rings.corners[:, k] for k in range(4)]
    rounding = 4 * jnp.finfo(begin.dtype).eps

    def sweep(state):
        times, _, sweeps = state
        known, fresh = [times[corner] for corner in corners], times
        for corner, others, edges in zip(corners, OTHERS, EDGES_OF_PLACE, strict=True):
            found = arrive([known[o] for o in others], [durations[e] for e in edges])[0]
            fresh = fresh.at[corner].min(found)
        fresh = fresh.at[-1].set(jnp.inf)
        improved = fresh < times - rounding * jnp.where(times < jnp.inf, times, 0)
        return fresh, improved.any(), sweeps + 1

    state = (jnp.append(begin, jnp.inf), jnp.array(True), 0)
    times, _, sweeps = lax.while_loop(lambda s: s[1], sweep, state)
    return times[:-1], sweeps


def _over_jacobi(spacing: float) -> Figure:
    case = Case.box(spacing)
    begin = jnp.full(case.nodes, jnp.inf, jnp.float32).at[case.problem.ways.at_node[0]].set(0.0)
    problem = case.problem.rings, case.problem.metric, case.speeds, case.blocked, begin
    runs = jax.jit(jacobi), jax.jit(solve)
    (slow, sweeps), (fast, _) = (jax.block_until_ready(run(*problem)) for run in runs)
    apart = float(jnp.abs(slow - fast).max() / slow.max())
    taken = []
    for _ in range(9):
        pair = []
        for run in runs:
            started = time.perf_counter()
            jax.block_until_ready(run(*problem))
            pair.append(time.perf_counter() - started)
        taken.append(pair)
    gain = statistics.median(a / b for a, b in taken)
    how = (
        f"{case.nodes:,} nodes, float32, CPU: {np.median(taken, axis=0)[0]:.3f} s in {int(sweeps)} "
        f"sweeps against {np.median(taken, axis=0)[1]:.3f} s, times {apart:.0e} apart; median of "
        f"{len(taken)} pairs; {machine()}"
    )
    return at_least("jax_twin_over_jacobi", gain, 3, "x", how)


def _on_a_gpu(spacing: float) -> Iterator[Figure]:
    try:
        device = jax.devices("gpu")[0]
    except RuntimeError:
        how = "skipped: jax finds no GPU here"
        yield Figure("gpu_seconds_230k", float("nan"), "s", "<= 0.06", False, how)
        yield Figure("gpu_batch64_mnodes", float("nan"), "M/s", ">= 20", False, how)
        return
    case = Case.box(spacing, kind="gpu")
    (taken,) = seconds(case.solve)
    how = f"{case.nodes:,} nodes, float32, from speeds to times; {device.device_kind}"
    yield at_most("gpu_seconds_230k", taken, 0.06, "s", how)
    fields = case.varied(BATCH)
    (together,) = seconds(lambda: case.solve_batch(fields), repeats=3)
    how = f"{BATCH} speed fields in one call, {together:.2f} s; {how}"
    yield at_least("gpu_batch64_mnodes", BATCH * case.nodes / together / 1e6, 20, "M/s", how)
