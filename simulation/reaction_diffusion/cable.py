"""A line of cells: how fast it conducts, and how far apart its nodes may be."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from twin.meshes.errors import TwinError
from twin.simulation.ionic.cell import CellModel, resting_cells
from twin.simulation.reaction_diffusion.diffusion import Diffusion
from twin.simulation.reaction_diffusion.marching import march
from twin.simulation.reaction_diffusion.mass import SHARES, SPACINGS
from twin.simulation.reaction_diffusion.stepping import Equation, TissueState
from twin.simulation.reaction_diffusion.stimulus import Stimulus

STIMULATED = 2.5
"""Root of ms: length of the stimulated end of a line over sqrt(D)."""

COARSEST = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0)

_march = partial(jax.jit, static_argnames="steps")(march)


def cable_speeds(
    cell: CellModel,
    spacings: Float[np.ndarray, " lines"],
    shares: Float[np.ndarray, " lines"] | float = 0.0,
    *,
    nodes: int = 100,
    time_step: float = 0.01,
    longest: float = 400.0,
    kind=np.float32,
) -> Float[np.ndarray, " lines"]:
    """Speed of a front along lines of cells over sqrt(D), 1/sqrt(ms), between their middle and
    their last tenth; 0 where none gets there within `longest` ms.

    `spacings` are between nodes over sqrt(D), root of ms; `shares` those of `mass.BalancedMass`.
    """
    spacings = np.asarray(spacings, float)
    at = np.tile(np.arange(nodes), (len(spacings), 1)) * spacings[:, None]
    equation = Equation(
        cell,
        _lines(spacings, np.broadcast_to(shares, spacings.shape), nodes, kind),
        jnp.ones(at.size, bool),
        time_step,
        cell.threshold,
    )
    state = TissueState.of(resting_cells(cell, at.size).astype(kind))
    near = at <= np.maximum(STIMULATED, 1.1 * spacings[:, None])
    stimulus = Stimulus.at(near.ravel(), kind=kind)
    middle, last = nodes // 2, nodes - nodes // 10
    while state.step * time_step < longest:
        state = _march(equation, state, stimulus, steps=round(5 / time_step))
        times = np.asarray(state.first_activations).reshape(at.shape)
        if np.isfinite(times[:, last]).all():
            break
    with np.errstate(invalid="ignore"):
        taken = times[:, last] - times[:, middle]
    return np.where(taken > 0, (last - middle) * spacings / taken, 0.0)


def speed_in_the_limit(cell: CellModel, **line) -> float:
    """Of infinitely fine lines: diffusion is fourth order there, and so is the extrapolation."""
    coarse, fine = cable_speeds(cell, np.array([0.3, 0.25]), 0.5, **line)
    return fine + (fine - coarse) * 0.25**4 / (0.3**4 - 0.25**4)


@lru_cache
def coarsest_spacing(cell_type: type, balanced: bool) -> float:
    """Root of ms: nodes farther apart over sqrt(D) carry no front, or one at under a tenth of its
    speed, of resting cells with their type's own parameters."""
    cell = cell_type()
    spacings = np.array(COARSEST)
    shares = np.interp(spacings, SPACINGS, SHARES) if balanced else np.zeros(len(spacings))
    speeds = cable_speeds(cell, spacings, shares, nodes=20, time_step=0.02)
    carried = speeds > 0.1 * speed_in_the_limit(cell)
    return float(spacings[carried].max(initial=0.0))


def balance(
    cell: CellModel, spacings: Float[np.ndarray, " lines"], rounds: int = 5, **line
) -> Float[np.ndarray, " lines"]:
    """Shares with which lines conduct as fast as the cable equation; see `mass.BalancedMass`."""
    wanted = speed_in_the_limit(cell, **line)
    before = np.interp(spacings, SPACINGS, SHARES)
    shares = 1.1 * before
    error_before = cable_speeds(cell, spacings, before, **line) / wanted - 1
    for _ in range(rounds):
        error = cable_speeds(cell, spacings, shares, **line) / wanted - 1
        if np.abs(error).max() < 1e-3:
            return shares
        slope = np.where(shares == before, np.inf, (error - error_before) / (shares - before))
        before, error_before = shares, error
        shares = np.clip(shares - error / np.where(slope == 0, np.inf, slope), 0, 20)
    raise TwinError(
        f"no shares found for {type(cell).__name__}: after {rounds} rounds speeds are still "
        f"{100 * np.abs(error).max():.1f} % off; take finer spacings or smaller time steps"
    )


def _lines(spacings, shares, nodes: int, kind) -> Diffusion:
    """Lines that know nothing of each other, without flux through their ends."""
    first = np.arange(len(spacings) * nodes, dtype=np.int32)
    inner = first % nodes
    left: Int[np.ndarray, " points"] = np.where(inner > 0, first - 1, first)
    right = np.where(inner < nodes - 1, first + 1, first)
    # An end node has half the mass.
    half = np.where((inner == 0) | (inner == nodes - 1), 2.0, 1.0)
    strength = half * np.repeat(1 / spacings**2, nodes)
    share = half * np.repeat(shares / 6, nodes)
    return Diffusion(
        jnp.asarray(np.stack([left, right])),
        jnp.asarray(np.stack([strength, strength]), kind),
        jnp.asarray(np.stack([share, share]), kind),
        jnp.asarray(np.repeat(spacings, nodes) / half, kind),
        bool(np.any(shares)),
    )
