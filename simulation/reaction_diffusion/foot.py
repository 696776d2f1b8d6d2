"""The current that makes a cell fire when an eikonal front comes, and the upstroke it makes."""

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.simulation.ionic.cell import CellModel, resting_cells

FOOT_CURRENT, FOOT_DURATION = 200 / 1.4, 0.35
"""mV/ms and ms: about what the neighbours' current is where a front's foot ends (its time constant
is 0.27 ms, D over the square of the speed). With a weaker one for longer, the moment at which a
cell fires hangs on what its neighbours on a coarse mesh have given it before."""

UPSTROKE_END = 10.0
"""ms from the beginning of the current; what comes later is recovery, wide enough for nodes."""


@dataclass(frozen=True, eq=False)
class Upstroke:
    """A resting cell under the foot current: `rise` is how far (mV) its potential is above rest,
    every `step` ms from the current's beginning on. It crosses its threshold after `lead` ms."""

    lead: float
    step: float
    rise: Float[np.ndarray, " samples"]

    def at(self, since: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """mV above rest so many ms after the threshold; held where it ends."""
        return np.interp(since, np.arange(len(self.rise)) * self.step - self.lead, self.rise)


@lru_cache
def upstroke_of(cell_type: type, time_step: float) -> Upstroke:
    """Of cells with their type's own parameters."""
    cell: CellModel = cell_type()
    trace = _trace(cell, time_step)
    risen = np.flatnonzero(trace[: math.ceil(FOOT_DURATION / time_step) + 1] >= cell.threshold)
    if not len(risen):
        raise InputError(
            f"{cell_type.__name__} does not fire under {FOOT_CURRENT:.3g} mV/ms for "
            f"{FOOT_DURATION} ms"
        )
    after = int(risen[0])
    share = (cell.threshold - trace[after - 1]) / (trace[after] - trace[after - 1])
    return Upstroke(float(time_step * (after - 1 + share)), time_step, trace - trace[0])


def _trace(cell: CellModel, time_step: float) -> Float[np.ndarray, " samples"]:
    """mV, from the beginning of the current until `UPSTROKE_END`."""
    step = partial(cell.step, time_step=time_step)

    def turn(state, number):
        current = FOOT_CURRENT * jnp.clip(FOOT_DURATION / time_step - number, 0, 1)
        state = step(state, jnp.full(1, current).astype(state.dtype)).astype(state.dtype)
        return state, state[0, 0]

    start = resting_cells(cell, 1)
    numbers = jnp.arange(round(UPSTROKE_END / time_step))
    rest = np.asarray(start[0])
    return np.concatenate(
        [rest, np.asarray(jax.jit(partial(jax.lax.scan, turn))(start, numbers)[1])]
    )
