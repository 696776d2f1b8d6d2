"""What every cell model offers, and a single cell paced by itself."""

from functools import partial
from typing import ClassVar, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class CellModel(Protocol):
    """A membrane. State is an array whose first row is the membrane potential in mV, also where
    a model's own potential runs from 0 to 1; its other rows are as `variables` names them.

    A JAX tree whose leaves are its parameters, each a number or one value a cell, so that it can
    be batched over and differentiated by them.
    """

    variables: ClassVar[tuple[str, ...]]
    """Names of the rows of a state."""

    threshold: ClassVar[float]
    """A cell is activated when its potential rises through this (mV)."""

    native: ClassVar[str]
    """Name of the C++ kernel that takes the same steps; empty where there is none."""

    @property
    def resting_state(self) -> tuple[float, ...]:
        """The state of a cell that has rested or been paced for long, potential first."""

    @property
    def native_parameters(self) -> tuple[Float[Array, "..."] | float, ...]:
        """What the kernel takes, in its order: each a number or one value a cell."""

    def ionic_current(self, state: Float[Array, "variables cells"]) -> Float[Array, " cells"]:
        """Through the membrane, over its capacitance: mV/ms, outward positive."""

    def step(
        self,
        state: Float[Array, "variables cells"],
        stimulus: Float[Array, " cells"] | float,
        time_step: float,
    ) -> Float[Array, "variables cells"]:
        """The state `time_step` ms later. `stimulus` in mV/ms depolarises when positive."""


def resting_cells(model: CellModel, cells: int) -> Float[Array, "variables cells"]:
    return jnp.tile(jnp.asarray(model.resting_state)[:, None], (1, cells))


@partial(jax.jit, static_argnames=("cycle", "beats", "time_step", "every"))
def pace(
    model: CellModel,
    state: Float[Array, "variables cells"],
    *,
    cycle: float = 1000.0,
    beats: int = 1,
    time_step: float = 0.02,
    every: int = 5,
    amplitude: float = 52.0,
    duration: float = 1.0,
) -> tuple[Float[Array, "variables cells"], Float[Array, "samples cells"]]:
    """Stimulate at the start of each of `beats` cycles; return the state and the last beat.

    `cycle`, `duration` and `time_step` in ms, `amplitude` in mV/ms; the last beat's potential is
    kept at every `every`-th step.
    """
    samples = round(cycle / (time_step * every))

    def advance(state, index):
        def one(k, state):
            time = (index * every + k) * time_step
            return model.step(state, jnp.where(time < duration, amplitude, 0.0), time_step)

        state = jax.lax.fori_loop(0, every, one, state)
        return state, state[0]

    def beat(state, _):
        return jax.lax.scan(lambda s, i: (advance(s, i)[0], None), state, jnp.arange(samples))

    state, _ = jax.lax.scan(beat, state, None, length=beats - 1)
    resting = state[0]
    state, trace = jax.lax.scan(advance, state, jnp.arange(samples))
    return state, jnp.concatenate([resting[None], trace[:-1]])
