"""Single cells paced until every beat is like the one before, kept in the cache folder."""

from dataclasses import dataclass
from hashlib import sha256

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.meshes.cache import remembered
from twin.meshes.errors import InputError
from twin.simulation.ionic.cell import CellModel, resting_cells
from twin.simulation.ionic.course import course

FORM = 2
"""Of what is kept: to be raised when an equation changes."""


@dataclass(frozen=True)
class Pulse:
    """A stimulus: `amplitude` in mV/ms, `duration` in ms."""

    amplitude: float = 52.0
    duration: float = 1.0

    def train(
        self, starts: Float[np.ndarray, "..."], length: float, time_step: float
    ) -> Float[np.ndarray, "steps ..."]:
        """mV/ms at each step of `length` ms; pulses begin at `starts` (ms), a row a pulse."""
        # A step belongs to a pulse that has begun by its middle.
        middles = (np.arange(round(length / time_step)) + 0.5) * time_step
        since = middles[:, None] - np.asarray(starts, float).reshape(len(starts), -1)[:, None]
        inside = (since >= 0) & (since < self.duration)
        return self.amplitude * inside.any(axis=0)


PULSE = Pulse()
"""Excites every model of this folder from rest."""


@dataclass(frozen=True, eq=False)
class Paced:
    """Cells at the start of a beat, after `beats` of them, and how far the last one was from
    the one before: the largest change of a variable, relative to its own size."""

    state: Float[Array, "variables cells"]
    beats: int
    change: float


def paced(
    model: CellModel,
    cycle: float = 1000.0,
    *,
    cells: int = 1,
    pulse: Pulse = PULSE,
    most_beats: int = 200,
    tolerance: float = 1e-4,
    time_step: float = 0.02,
) -> Paced:
    """`model` stimulated every `cycle` ms from its resting state, until no variable changes by
    more than `tolerance` of its own size from beat to beat, or for `most_beats`.

    Concentrations drift for minutes: a cell that has not settled says so by its `change`. Computed
    once and kept in the cache folder.
    """
    _check(cycle, pulse, time_step)
    settings = (cycle, cells, pulse, most_beats, tolerance, time_step, FORM)
    arrays = remembered(
        "cells",
        _key(model, settings),
        lambda: _settle(model, cycle, cells, pulse, most_beats, tolerance, time_step),
    )
    return Paced(jnp.asarray(arrays["state"]), int(arrays["beats"]), float(arrays["change"]))


def _check(cycle: float, pulse: Pulse, time_step: float) -> None:
    if not 0 < pulse.duration < cycle:
        raise InputError(
            f"pacing every {cycle:g} ms with pulses of {pulse.duration:g} ms: expected pulses that "
            "end before the next begins; lengthen the cycle or shorten the pulse"
        )
    if abs(cycle / time_step - round(cycle / time_step)) > 1e-6:
        raise InputError(
            f"pacing every {cycle:g} ms in steps of {time_step:g} ms: expected a whole number of "
            "steps in a cycle; choose a time step that divides it"
        )


def _key(model: CellModel, settings: tuple) -> str:
    leaves, shape = jax.tree.flatten(model)
    content = repr((type(model).__name__, str(shape), settings)).encode()
    for leaf in leaves:
        array = np.asarray(leaf)
        content += repr((array.shape, str(array.dtype))).encode() + array.tobytes()
    return sha256(content).hexdigest()


def _settle(model, cycle, cells, pulse, most_beats, tolerance, time_step):
    stimulus = pulse.train(np.zeros(1), cycle, time_step)[:, 0]
    state, change, beats = resting_cells(model, cells), np.inf, 0
    while beats < most_beats and change > tolerance:
        after, _ = course(model, state, stimulus, time_step, len(stimulus))
        sizes = jnp.maximum(jnp.abs(state), 1e-3 * jnp.abs(after).max(axis=1, keepdims=True))
        change = float((jnp.abs(after - state) / jnp.maximum(sizes, 1e-12)).max())
        state, beats = after, beats + 1
        if not np.isfinite(change):
            raise InputError(
                f"{type(model).__name__} paced every {cycle:g} ms in steps of {time_step:g} ms: "
                f"beat {beats} is not finite; choose a smaller time step or a weaker pulse"
            )
    return {
        "state": np.asarray(state),
        "beats": np.array(beats),
        "change": np.array(change),
    }
