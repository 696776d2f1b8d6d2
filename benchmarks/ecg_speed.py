"""How long a heart's ECG takes with its activation, in batches, and with its gradient."""

import os
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.benchmarks.ecg_forward import infinite_lead_field
from twin.benchmarks.figure import Figure, at_most
from twin.benchmarks.timing import seconds
from twin.meshes.anatomy.population import sample_heart
from twin.meshes.heart import Heart
from twin.simulation.eikonal import Problem, activation_times, locate_sources, pose
from twin.simulation.forward import ForwardECG
from twin.simulation.purkinje import Purkinje
from twin.simulation.repolarisation import DurationGradients
from twin.simulation.tissue import Tissue

BATCH = 16
SAMPLES = 500
"""ms at 1 kHz."""


def figures(quick: bool) -> Iterator[Figure]:
    case = Case(sample_heart(0, nodes=20_000 if quick else 100_000).astype(np.float32))
    forward, both = seconds(case.forward, case.gradient, repeats=5)
    how = (
        f"{BATCH} speed fields in one call, {case.nodes:,} nodes, {SAMPLES} ms at 1 kHz, 8 "
        f"independent leads, activation by a Purkinje tree included; {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}"
    )
    yield at_most("ecg_batch16_ms", 1000 * forward / BATCH, 80, "ms", how)
    how = "value and gradient by all speeds, and by the durations, over the forward ECG; same batch"
    yield at_most("ecg_gradient_over_forward", both / forward, 3, "x", how)


class Case:
    """A heart with all that is prepared once; the lead field's method makes no difference here."""

    def __init__(self, heart: Heart) -> None:
        tree = Purkinje.grow(heart)
        tissue = Tissue.healthy(heart)
        around = np.random.default_rng(0).normal(size=(9, 3))
        places = heart.points.mean(axis=0) + 150 * around
        self.nodes = len(heart.points)
        self.ecg = ForwardECG.of(heart, infinite_lead_field(heart, places), samples=SAMPLES)
        problem: Problem = pose(heart, *locate_sources(heart, None, tree), tree)
        self.problem = jax.device_put(problem)
        self.durations = jnp.asarray(DurationGradients().durations(heart), jnp.float32)
        self.blocked = jnp.asarray(tissue.blocked)
        factors = np.random.default_rng(1).uniform(0.9, 1.1, (BATCH, 1, 3)).astype(np.float32)
        self.speeds = jnp.asarray(tissue.speeds * factors)

    def forward(self) -> Array:
        return _batch(self.speeds, self.durations, self.problem, self.blocked, self.ecg)

    def gradient(self) -> tuple[Array, ...]:
        return _gradients(self.speeds, self.durations, self.problem, self.blocked, self.ecg)


def _ecg(speeds, durations, problem, blocked, ecg) -> Float[Array, "8 time"]:
    times = activation_times(problem, speeds, blocked, jnp.zeros(1, speeds.dtype))
    return ecg.ecg(times, durations)


def _loss(*arguments) -> Float[Array, ""]:
    return (_ecg(*arguments) ** 2).sum()


_EACH = (0, None, None, None, None)
_batch = jax.jit(jax.vmap(_ecg, _EACH))
_gradients = jax.jit(jax.vmap(jax.value_and_grad(_loss, (0, 1)), _EACH))
