"""Re-entry: how it is started from a map of phases, and how it is found and timed."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from twin.meshes.errors import InputError
from twin.meshes.shell import Shell
from twin.simulation.ionic.cell import CellModel, resting_cells
from twin.simulation.reaction_diffusion.stepping import TissueState

MIDDLE = -50.0
"""mV around which the potential and its delayed self turn."""


@partial(jax.jit, static_argnames=("cycle", "beats", "time_step", "samples"))
def loop_of_states(
    cell: CellModel,
    *,
    cycle: float = 250.0,
    beats: int = 4,
    time_step: float = 0.02,
    samples: int = 100,
    amplitude: float = 52.0,
    duration: float = 1.0,
) -> Float[Array, "samples variables"]:
    """All of a cell's variables through the last of `beats` beats `cycle` ms apart, from the
    stimulus on."""
    each = round(cycle / time_step) // samples

    def sample(state, index):
        def step(k, state):
            time = (index * each + k) * time_step
            return cell.step(state, jnp.where(time < duration, amplitude, 0.0), time_step)

        return jax.lax.fori_loop(0, each, step, state), state[:, 0]

    def beat(state, _):
        return jax.lax.scan(sample, state, jnp.arange(samples))

    return jax.lax.scan(beat, resting_cells(cell, 1), None, length=beats)[1][-1]


def state_of_phases(
    loop: Float[Array, "samples variables"], phases: Float[np.ndarray, " points"], kind=np.float32
) -> TissueState:
    """Each node at its place in the beat: phase 0 is the stimulus, 2 pi the next one."""
    if not np.isfinite(phases).all():
        raise InputError("phases: not all of them are finite numbers")
    whole = np.concatenate([loop, loop[:1]])
    at = np.mod(np.asarray(phases, float) / (2 * np.pi), 1.0) * len(loop)
    rows = [np.interp(at, np.arange(len(whole)), column) for column in whole.T]
    return TissueState.of(jnp.asarray(np.stack(rows), kind))


def spiral_phases(
    points: Float[np.ndarray, "points 3"],
    centre: Float[np.ndarray, " 3"],
    normal: Float[np.ndarray, " 3"],
    pitch: float = 0.0,
    clockwise: bool = False,
) -> Float[np.ndarray, " points"]:
    """Phases of a spiral around the axis through `centre` along `normal`, an Archimedean one of
    `pitch` mm a turn, or a straight front where that is 0."""
    away = np.asarray(points, float) - centre
    normal = np.asarray(normal, float) / np.linalg.norm(normal)
    side = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    side /= np.linalg.norm(side)
    x, y = away @ side, away @ np.cross(normal, side)
    angle = np.arctan2(y, x) * (-1 if clockwise else 1)
    turns = np.hypot(x, y) / pitch if pitch else 0.0
    return np.mod(angle - 2 * np.pi * turns, 2 * np.pi)


def phase(
    potential: Float[np.ndarray, "... points"], earlier: Float[np.ndarray, "... points"]
) -> Float[np.ndarray, "... points"]:
    """Angle of the potential against itself `earlier` (Gray et al., Nature 392:75, 1998)."""
    return np.arctan2(np.asarray(earlier) - MIDDLE, np.asarray(potential) - MIDDLE)


def phase_singularities(
    triangles: Int[np.ndarray, "tris 3"], phases: Float[np.ndarray, " points"]
) -> Int[np.ndarray, " tris"]:
    """How often the phase winds round each triangle: 1 or -1 at the tip of a spiral, else 0."""
    corners = np.asarray(phases)[triangles]
    steps = np.roll(corners, -1, axis=1) - corners
    wrapped = np.mod(steps + np.pi, 2 * np.pi) - np.pi
    return np.rint(wrapped.sum(axis=1) / (2 * np.pi)).astype(int)


def tips(shell: Shell, phases: Float[np.ndarray, " points"]) -> Float[np.ndarray, "tips 3"]:
    """Centres (mm) of the triangles that the phase winds round."""
    around = phase_singularities(shell.triangles, phases) != 0
    return shell.points[shell.triangles[around]].mean(axis=1)


def dominant_frequency(
    potentials: Float[np.ndarray, "times points"], interval: float
) -> Float[np.ndarray, " points"]:
    """Hz, of signals sampled each `interval` ms: the peak of their spectrum under a Hann window,
    between its lines by a parabola. NaN where a signal stays within 10 mV."""
    signals = np.asarray(potentials, float)
    if len(signals) < 8:
        raise InputError(f"dominant frequency: {len(signals)} samples, expected 8 or more")
    alive = np.ptp(signals, axis=0) > 10
    windowed = (signals - signals.mean(axis=0)) * np.hanning(len(signals))[:, None]
    power = np.abs(np.fft.rfft(windowed, axis=0))
    peak = np.clip(power[1:-1].argmax(axis=0) + 1, 1, len(power) - 2)
    nodes = np.arange(signals.shape[1])
    below, at, above = (power[peak + k, nodes] for k in (-1, 0, 1))
    bend = below - 2 * at + above
    shift = 0.5 * (below - above) / np.where(bend == 0, 1, bend)
    return np.where(alive, (peak + shift) * 1000 / (len(signals) * interval), np.nan)


def cycle_lengths(
    potential: Float[np.ndarray, " times"], interval: float, threshold: float = -40.0
) -> Float[np.ndarray, " cycles"]:
    """ms between the times at which a potential, sampled each `interval` ms, rises through
    `threshold` mV."""
    values = np.asarray(potential, float)
    rises: Bool[np.ndarray, " times"] = (values[:-1] < threshold) & (values[1:] >= threshold)
    at = np.flatnonzero(rises)
    return np.diff(at + (threshold - values[at]) / (values[at + 1] - values[at])) * interval
