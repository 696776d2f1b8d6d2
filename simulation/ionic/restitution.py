"""How long an action potential is that comes early: restitution curves of single cells."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from twin.simulation.ionic.cell import CellModel
from twin.simulation.ionic.course import course
from twin.simulation.ionic.pacing import PULSE, Pulse, paced

SAMPLE = 0.1
SHARE = 0.9


@dataclass(frozen=True, eq=False)
class Restitution:
    """Durations (APD90, ms) of beats that come `intervals` ms after the one before, and the
    diastolic intervals (ms) from its repolarisation to their upstroke. Not a number where the
    stimulus excited nothing; below 0 the cell had not repolarised.
    """

    intervals: Float[np.ndarray, " intervals"]
    diastolic: Float[np.ndarray, " intervals"]
    durations: Float[np.ndarray, " intervals"]

    @property
    def slope(self) -> float:
        """Steepest rise of duration with diastolic interval; over 1 alternans is to be expected."""
        whole = np.isfinite(self.durations)
        order = np.argsort(self.diastolic[whole])
        diastolic, durations = self.diastolic[whole][order], self.durations[whole][order]
        return float(np.max(np.diff(durations) / np.diff(diastolic)))


def premature_restitution(
    model: CellModel,
    intervals: Float[np.ndarray, " intervals"],
    cycle: float = 1000.0,
    *,
    pulse: Pulse = PULSE,
    time_step: float = 0.02,
) -> Restitution:
    """S1-S2: from the steady beat at `cycle` ms, one premature stimulus after each interval."""
    intervals = np.asarray(intervals, float)
    settled = paced(model, cycle, pulse=pulse, time_step=time_step).state
    starts = np.stack([np.zeros(len(intervals)), intervals])
    return _two_beats(model, settled, starts, 1000.0, pulse, time_step)


def dynamic_restitution(
    model: CellModel,
    cycles: Float[np.ndarray, " cycles"],
    *,
    pulse: Pulse = PULSE,
    time_step: float = 0.02,
) -> Restitution:
    """The steady beat at each cycle length (ms)."""
    cycles = np.asarray(cycles, float)
    states = [paced(model, c, pulse=pulse, time_step=time_step).state for c in cycles]
    starts = np.stack([np.zeros(len(cycles)), cycles])
    return _two_beats(model, jnp.concatenate(states, axis=1), starts, 1000.0, pulse, time_step)


def _two_beats(model, state, starts, after, pulse, time_step) -> Restitution:
    """A beat and the next, every column of `starts` (ms) a cell of its own."""
    intervals = starts[1]
    cells = jnp.broadcast_to(state, (len(state), len(intervals)))
    every = round(SAMPLE / time_step)
    length = np.ceil((intervals.max() + after) / SAMPLE) * SAMPLE
    stimulus = pulse.train(starts, length, time_step)
    _, traces = course(model, cells, stimulus, time_step, every)
    beats = [
        _first_and_second(trace, interval, model.threshold)
        for trace, interval in zip(np.asarray(traces).T, intervals, strict=True)
    ]
    diastolic, durations = np.array(beats).T
    return Restitution(intervals, diastolic, durations)


def _first_and_second(trace, interval: float, threshold: float) -> tuple[float, float]:
    """The diastolic interval between two beats and the duration of the second."""
    begin = round(interval / SAMPLE)
    first = trace[:begin]
    level = first.max() - SHARE * (first.max() - first[0])
    # A premature beat may ride on the first one's tail: then the first ends before it begins.
    ended = _falls(trace, 0, level)
    risen = _rises(trace, begin, max(threshold, level))
    # The stimulus alone may pass the threshold.
    if not np.isfinite(risen) or trace[begin:].max() < (threshold + first.max()) / 2:
        return np.nan, np.nan
    return risen - min(ended, begin * SAMPLE), _falls(
        trace, round(risen / SAMPLE) + 1, level
    ) - risen


def _rises(trace, begin: int, level: float) -> float:
    """When (ms) the trace next crosses the level upwards; not a number where it never does."""
    return _ends(level - trace, begin)


def _falls(trace, begin: int, level: float) -> float:
    return _ends(trace - level, begin + int(np.argmax(trace[begin:] > level)))


def _ends(positive, begin: int) -> float:
    """When (ms) what is positive next ceases to be, from sample `begin` on."""
    places = np.flatnonzero((positive[begin:-1] > 0) & (positive[begin + 1 :] <= 0))
    if not len(places):
        return np.nan
    before = begin + int(places[0])
    return SAMPLE * (before + positive[before] / (positive[before] - positive[before + 1]))
