"""How many node-steps a second the monodomain loops take, and torchcor beside them."""

import time
from collections.abc import Iterator
from functools import partial

import jax
import numpy as np

from twin.benchmarks.eikonal import machine, threads
from twin.benchmarks.figure import Figure, at_least, report
from twin.benchmarks.nversion import box, model_of, stimulus_of
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.marching import march
from twin.simulation.reaction_diffusion.mass import BalancedMass
from twin.simulation.reaction_diffusion.stepping import march_reference

TIME_STEP = 0.02
COMPARED = 1000
"""Steps beside torchcor: 20 ms, in which the front crosses the box half-way."""


def figures(quick: bool) -> Iterator[Figure]:
    spacing, steps = (0.5, 50) if quick else (0.2, 200)
    mesh = box(spacing)
    model = model_of(mesh, TIME_STEP)
    nodes = len(mesh.points)
    how = f"ten Tusscher-Panfilov on {nodes:,} nodes of tetrahedra, {steps} steps, float32"
    with threads(1):
        native, native_wall = _seconds(model, march, steps)
        balanced, _ = _seconds(model_of(mesh, TIME_STEP, BalancedMass()), march, steps)
    with threads(2):
        _, both_wall = _seconds(model, march, steps)
    jax_cpu, _ = _seconds(model, march_reference, steps)
    rate = nodes * steps / 1e6
    per_cpu = f"{how}; a CPU-second, median of 5, {machine()}"
    yield at_least("mnodesteps_per_core", rate / native, 10, "M/s", f"native, lumped, {per_cpu}")
    yield report("mnodesteps_per_core_balanced", rate / balanced, "M/s", f"native, {per_cpu}")
    yield at_least("jax_mnodesteps_per_core", rate / jax_cpu, 3.5, "M/s", f"pure JAX, {per_cpu}")
    wall = f"wall times {native_wall:.2f} and {both_wall:.2f} s; {how}; {machine()}"
    yield at_least("two_core_gain", native_wall / both_wall, 1.8, "x", wall)
    yield _against_torchcor(mesh, quick)


def _seconds(model: Monodomain, loop, steps: int) -> tuple[float, float]:
    """CPU and wall time of so many steps, medians of five."""
    run = jax.jit(partial(loop, steps=steps)) if loop is march_reference else _native(steps)
    state, stimulus = model.at_rest(), stimulus_of(model.mesh)
    jax.block_until_ready(run(model.equation, state, stimulus))
    taken = []
    for _ in range(5):
        cpu, wall = time.process_time(), time.perf_counter()
        jax.block_until_ready(run(model.equation, state, stimulus))
        taken.append((time.process_time() - cpu, time.perf_counter() - wall))
    return tuple(float(x) for x in np.median(taken, axis=0))  # type: ignore[return-value]


def _native(steps: int):
    return jax.jit(lambda equation, state, stimulus: march(equation, state, stimulus, steps))


def _against_torchcor(mesh, quick: bool) -> Figure:
    """Both from the stimulus on: its conjugate gradients take the longer, the more tissue is
    active."""
    try:
        import torchcor  # noqa: F401
    except ImportError:
        how = "skipped: torchcor is not installed (pip install torchcor; it brings gmsh, GPL)"
        return Figure("speedup_torchcor", float("nan"), "x", ">= 8", False, how)
    from twin.benchmarks.torchcor_peer import node_steps_per_second

    steps = 50 if quick else COMPARED
    with threads(1):
        ours = _seconds(model_of(mesh, TIME_STEP), march, steps)[0]
    rate = len(mesh.points) * steps / ours / 1e6
    theirs = node_steps_per_second(mesh, TIME_STEP, steps)
    how = (
        f"per CPU-second on {len(mesh.points):,} nodes, {steps} steps of {TIME_STEP} ms: "
        f"{rate:.2f} M/s and torchcor {theirs:.2f} M/s, {machine()}"
    )
    return at_least("speedup_torchcor", rate / theirs, 8, "x", how)
