"""Steps of the monodomain equation in time: the pure-JAX loop."""

import math
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from twin.simulation.ionic.cell import CellModel
from twin.simulation.reaction_diffusion.diffusion import Diffusion
from twin.simulation.reaction_diffusion.stimulus import Stimulus

RECOVERY = -70.0
"""mV; a cell has recovered when its potential falls through this."""

_static = partial(field, metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class TissueState:
    """All that the future follows from, and when each node was last activated and recovered.

    `cells` are the cell model's variables, potential first. Times in ms, interpolated between
    steps; infinite where it has not happened yet. `step` counts the steps taken.
    """

    cells: Float[Array, "variables points"]
    first_activations: Float[Array, " points"]
    last_activations: Float[Array, " points"]
    last_recoveries: Float[Array, " points"]
    step: Int[Array, ""]

    @staticmethod
    def of(cells: Float[Array, "variables points"]) -> "TissueState":
        never = jnp.full(cells.shape[1:], jnp.inf, cells.dtype)
        return TissueState(cells, never, never, never, jnp.zeros((), jnp.int32))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Equation:
    """dV/dt = diffusion - ionic current + stimulus at every node, taken in steps of `time_step` ms.

    With `implicit` diffusion it follows upon the membrane's part, by backward Euler.
    Nodes count as activated when their potential rises through `threshold` mV.
    Nodes that are not `excitable` leak to `resting_potential` with a time constant of `leak` ms.
    """

    cell: CellModel
    diffusion: Diffusion
    excitable: Bool[Array, " points"]
    time_step: float = _static()
    threshold: float = _static(default=-40.0)
    resting_potential: float = _static(default=-85.0)
    leak: float = _static(default=20.0)
    implicit: bool = _static(default=False)

    def react(self, state: Float[Array, "variables points"], stimulus: Float[Array, " points"]):
        """The membrane's part of a step; nodes without one keep its variables."""
        stepped = self.cell.step(state, stimulus, self.time_step)
        loss = self.time_step / self.leak * (self.resting_potential - state[0])
        passive = state.at[0].add(loss)
        return jnp.where(self.excitable, stepped, passive)

    def step(self, state: TissueState, stimulus: Stimulus) -> TissueState:
        time = state.step * jnp.asarray(self.time_step, state.cells.dtype)
        before = state.cells[0]
        cells = self.react(state.cells, stimulus.during(time, self.time_step))
        if self.implicit:
            change = self.diffusion.implicit_change(cells[0], self.time_step)
        else:
            change = self.time_step * self.diffusion.rate(before)
        cells = cells.at[0].add(change)
        return crossed(state, cells, self.threshold, time, self.time_step)


def crossed(state: TissueState, cells, threshold: float, time, step: float) -> TissueState:
    """The next state, with the times at which potentials crossed their thresholds."""
    before, after = state.cells[0], cells[0]

    def moment(level):
        rise = after - before
        return time + step * (level - before) / jnp.where(rise == 0, 1, rise)

    risen = (before < threshold) & (after >= threshold)
    fallen = (before >= RECOVERY) & (after < RECOVERY)
    risen_at = moment(threshold)
    first = risen & jnp.isinf(state.first_activations)
    return TissueState(
        cells,
        jnp.where(first, risen_at, state.first_activations),
        jnp.where(risen, risen_at, state.last_activations),
        jnp.where(fallen, moment(RECOVERY), state.last_recoveries),
        state.step + 1,
    )


def march_reference(
    equation: Equation, state: TissueState, stimulus: Stimulus, steps: int
) -> TissueState:
    """The state `steps` steps later, in pure JAX.

    Its adjoint keeps one state in about the root of `steps` and takes the steps between again.
    """
    each = max(1, math.isqrt(steps))
    equation, stimulus = _of_kind((equation, stimulus), state.cells.dtype)

    def turn(state, _):
        return equation.step(state, stimulus), None

    @jax.checkpoint
    def turns(state, _):
        return jax.lax.scan(turn, state, None, length=each)

    state, _ = jax.lax.scan(turns, state, None, length=steps // each)
    return jax.lax.scan(turn, state, None, length=steps % each)[0]


def _of_kind(tree, kind):
    """The state's precision for every array: parameters of a wider one would widen the state."""

    def kept(leaf):
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf.astype(kind)
        return leaf

    return jax.tree.map(kept, tree)
