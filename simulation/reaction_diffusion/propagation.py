"""A run through time: samples for observers, checkpoints, and a watch on stability."""

import time as clock
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Array, Float

from twin.meshes.progress import Progress
from twin.simulation.reaction_diffusion.checkpoint import Checkpoint, Saved
from twin.simulation.reaction_diffusion.stability import STEPS_UNSEEN, Stability
from twin.simulation.reaction_diffusion.stepping import TissueState

Marcher = Callable[..., TissueState]


class Observer(Protocol):
    """Sees the potential at each sample."""

    @property
    def name(self) -> str: ...

    def observe(self, time: float, potential: Float[Array, " points"]) -> Array | None:
        """What is kept of a sample, ms and mV; None for nothing."""


@dataclass(frozen=True, eq=False)
class Propagation:
    """What a run leaves: samples at `times` (ms) by the observers' names, and the last state."""

    times: Float[np.ndarray, " times"]
    samples: dict[str, Float[np.ndarray, "times ..."]]
    state: TissueState

    @property
    def activation_times(self) -> Float[np.ndarray, " points"]:
        """ms of each node's first activation; infinite where it was never activated."""
        return np.asarray(self.state.first_activations)

    @property
    def durations(self) -> Float[np.ndarray, " points"]:
        """ms from each node's last activation until it had recovered; NaN where it has not."""
        last = np.asarray(self.state.last_activations)
        end = np.asarray(self.state.last_recoveries)
        recovered = np.isfinite(last) & np.isfinite(end) & (end > last)
        taken = np.subtract(end, last, out=np.full(len(last), np.nan), where=recovered)
        return np.asarray(taken)


def propagate(
    marcher: Marcher,
    state: TissueState,
    time_step: float,
    steps: int,
    each: int,
    observers: Sequence[Observer],
    checkpoint: Checkpoint | None,
    stability: Stability,
    identity: object,
    progress: Progress,
) -> Propagation:
    """`steps` steps from `state`, sampled at its start and after every `each`."""
    first = int(state.step)
    saved = Saved(state, {o.name: [] for o in observers})
    if checkpoint is not None:
        saved = checkpoint.open(identity, saved) or saved
    state, samples = saved.state, saved.samples
    if int(state.step) == first:
        _observe(observers, state, time_step, samples)
    pace = _Pace(int(state.step), time_step)
    while (done := int(state.step) - first) < steps:
        ahead = min(each, steps - done)
        for part in _parts(ahead):
            state = marcher(state=state, steps=part)
            stability.watch(state, time_step)
        _observe(observers, state, time_step, samples)
        if checkpoint is not None:
            checkpoint.offer(Saved(state, samples))
        progress(pace.words(int(state.step)), (done + ahead) / steps)
    if checkpoint is not None:
        checkpoint.close(Saved(state, samples))
    count = 1 + -(-steps // each)
    numbers = first + np.minimum(np.arange(count) * each, steps)
    stacked = {name: np.stack(kept) for name, kept in samples.items() if kept}
    return Propagation(numbers * time_step, stacked, state)


def _parts(steps: int) -> list[int]:
    """As even as can be, none longer than `STEPS_UNSEEN`."""
    count = -(-steps // STEPS_UNSEEN)
    ends = np.arange(1, count + 1) * steps // count
    return [int(n) for n in np.diff(ends, prepend=0)]


def _observe(observers, state, time_step, samples) -> None:
    time = int(state.step) * time_step
    for observer in observers:
        kept = observer.observe(time, state.cells[0])
        if kept is not None:
            samples[observer.name].append(np.asarray(kept))


class _Pace:
    """Simulated ms a second, for whoever watches."""

    def __init__(self, step: int, time_step: float) -> None:
        self.step, self.time_step, self.started = step, time_step, clock.perf_counter()

    def words(self, step: int) -> str:
        seconds = clock.perf_counter() - self.started
        rate = (step - self.step) * self.time_step / max(seconds, 1e-9)
        return f"{step * self.time_step:.0f} ms ({rate:.3g} ms a second)"
