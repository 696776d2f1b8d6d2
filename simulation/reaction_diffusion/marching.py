"""Many steps of the monodomain equation at once: the C++ time loop where it was built and knows the
cell, the pure-JAX one everywhere else."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from twin.native import kernels
from twin.simulation.native_calls import by_platform, native_call
from twin.simulation.reaction_diffusion.stepping import (
    RECOVERY,
    Equation,
    TissueState,
    march_reference,
)
from twin.simulation.reaction_diffusion.stimulus import Stimulus


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def march(equation: Equation, state: TissueState, stimulus: Stimulus, steps: int) -> TissueState:
    """The state `steps` steps later; differentiable in reverse, best for up to some thousand."""
    if not runs_natively(equation, state):
        return march_reference(equation, state, stimulus, steps)
    native = partial(march_native, steps=steps)
    return by_platform(native, partial(march_reference, steps=steps), equation, state, stimulus)


def _forward(equation, state, stimulus, steps):
    return march(equation, state, stimulus, steps), (equation, state, stimulus)


def _backward(steps, given, by_state):
    return jax.vjp(partial(march_reference, steps=steps), *given)[1](by_state)


march.defvjp(_forward, _backward)


def runs_natively(equation: Equation, state: TissueState) -> bool:
    """Whether the kernels know this cell in this precision."""
    if kernels is None or equation.implicit or not equation.cell.native:
        return False
    name = f"twin_monodomain_{equation.cell.native}_{np.dtype(state.cells.dtype).name}"
    return name in kernels.handlers


def march_native(
    equation: Equation, state: TissueState, stimulus: Stimulus, *, steps: int
) -> TissueState:
    kind = state.cells.dtype
    d = equation.diffusion
    marks = jnp.stack([state.first_activations, state.last_activations, state.last_recoveries])
    pulses = (stimulus.regions, stimulus.starts, stimulus.durations, stimulus.amplitudes)
    outputs = tuple(jax.ShapeDtypeStruct(x.shape, kind) for x in (state.cells, marks))
    cells, marks = native_call(f"monodomain_{equation.cell.native}", kind, outputs)(
        state.cells,
        marks,
        state.step,
        _parameters(equation, kind),
        equation.excitable,
        d.neighbours,
        d.strengths,
        d.shares,
        stimulus.onsets,
        jnp.stack([p.astype(kind) for p in pulses]),
        steps=np.int64(steps),
        mixed=d.mixed,
        time_step=equation.time_step,
        threshold=equation.threshold,
        recovery=RECOVERY,
        resting=equation.resting_potential,
        leak=equation.leak,
    )
    return TissueState(cells, marks[0], marks[1], marks[2], state.step + steps)


def _parameters(equation: Equation, kind) -> jax.Array:
    """One row each; a column for each node if any of them differs between nodes."""
    given = [jnp.asarray(p, kind) for p in equation.cell.native_parameters]
    nodes = equation.excitable.shape[0]
    wide = nodes if any(p.ndim for p in given) else 1
    return jnp.stack([jnp.broadcast_to(p, (wide,)) for p in given])
