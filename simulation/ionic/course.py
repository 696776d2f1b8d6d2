"""The course of single cells under a stimulus, by the native kernel where a model has one."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.simulation.ionic.cell import CellModel
from twin.simulation.native_calls import by_platform, native_call


@partial(jax.jit, static_argnames=("time_step", "every"))
def course(
    model: CellModel,
    state: Float[Array, "variables cells"],
    stimulus: Float[Array, "steps ..."],
    time_step: float,
    every: int = 1,
) -> tuple[Float[Array, "variables cells"], Float[Array, "samples cells"]]:
    """The state after all steps, and the potential (mV) before every `every`-th of them.

    `stimulus` in mV/ms, a row a step, for all cells or one column a cell; `time_step` in ms;
    `every` divides the number of steps. Reverse derivatives are those of the JAX counterpart.
    """
    # The state says in which precision to go on.
    model = jax.tree.map(lambda parameter: jnp.asarray(parameter, state.dtype), model)
    stimulus = jnp.asarray(stimulus, state.dtype)
    stimulus = stimulus if stimulus.ndim == 2 else stimulus[:, None]
    if not model.native:
        return _reference(model, state, stimulus, time_step, every)
    return _course(model, state, stimulus, time_step, every)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _course(model, state, stimulus, time_step, every):
    def native(model, state, stimulus):
        samples = (len(stimulus) // every, state.shape[1])
        kinds = [jax.ShapeDtypeStruct(shape, state.dtype) for shape in (state.shape, samples)]
        call = native_call(model.native, state.dtype, tuple(kinds))
        return call(state, _rows(model, state), stimulus, time_step=time_step, every=every)

    def reference(model, state, stimulus):
        return _reference(model, state, stimulus, time_step, every)

    return by_platform(native, reference, model, state, stimulus)


def _forward(model, state, stimulus, time_step, every):
    return _course(model, state, stimulus, time_step, every), (model, state, stimulus)


def _backward(time_step, every, kept, upstream):
    def reference(model, state, stimulus):
        return _reference(model, state, stimulus, time_step, every)

    return jax.vjp(reference, *kept)[1](upstream)


_course.defvjp(_forward, _backward)


def _rows(model: CellModel, state) -> Float[Array, "parameters ..."]:
    """The kernel's parameters, of one column where they are the same for all cells."""
    parameters = [jnp.asarray(p, state.dtype) for p in model.native_parameters]
    columns = max((p.size for p in parameters), default=1)
    return jnp.stack([jnp.broadcast_to(p, (columns,)) for p in parameters])


def _reference(model, state, stimulus, time_step, every):
    @jax.checkpoint
    def sample(state, rows):
        after, _ = jax.lax.scan(lambda s, row: (model.step(s, row, time_step), None), state, rows)
        return after, state[0]

    return jax.lax.scan(sample, state, stimulus.reshape(-1, every, stimulus.shape[1]))
