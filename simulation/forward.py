"""The ECG that an activation map and action potential durations make.

A lead is phi(t) = - integral over the heart of s_i grad V . grad Z, with
V(x, t) = U(t - T(x), A(x)): T the arrival time, A the action potential duration and U an action
potential (physics.md, ECG). U is split into the upstroke s(t), one for the whole heart, and the
rest R(t, A):

- s is thinner than an element, so it is integrated exactly: phi_s(t) is the rate at which the front
  passes through what the lead sees (`passage`), filtered with s.
- R is smooth, so it is sampled at the nodes. Nodes are shared out over a grid of durations and
  arrivals, and the grid is filtered with the table of R: the cost hardly depends on the number of
  samples.
"""

from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.simulation.action_potential import FOOT, SAMPLE, ActionPotentials
from twin.simulation.ecg import ECG, standard_ecg
from twin.simulation.lead_field import LeadField
from twin.simulation.lead_weights import Intracellular, lead_weights
from twin.simulation.leads import INDEPENDENT
from twin.simulation.passage import passage

STEP = 1.0
"""ms between samples of the ECG."""

UPSTROKE_END = 10.0
"""ms; up to here the action potential counts as upstroke."""

_static = partial(field, metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class ForwardECG:
    """A heart's ECG, ready for `ecg` under jit, vmap and grad.

    Samples are `STEP` ms apart; the first is at `start` ms of the clock that the arrival times are
    given in. `weights` is what each lead sees of each element's corners: set to zero, an element
    has no sources.
    """

    weights: Float[Array, "tets 8 4"]
    tetrahedra: Int[Array, "tets 4"]
    upstroke: Float[Array, "time bins"]
    recovery: Complex[Array, "durations frequencies"]
    shortest: float = _static()
    spacing: float = _static()
    start: float = _static()
    nodes: int = _static()
    method: str = _static(default="")

    @staticmethod
    def of(
        heart: Heart,
        lead_field: LeadField,
        conductivities: Intracellular | None = None,
        potentials: ActionPotentials | None = None,
        start: float = -40.0,
        samples: int = 600,
    ) -> "ForwardECG":
        """Prepared once for a heart, its lead field and the conductivities of its cells."""
        weights = lead_weights(heart, lead_field, conductivities or Intracellular())
        return ForwardECG.of_weights(
            weights, heart.tetrahedra, potentials, start, samples, lead_field.method
        )

    @staticmethod
    def of_weights(
        weights: Float[Array, "tets 8 4"],
        tetrahedra: Int[np.ndarray, "tets 4"],
        potentials: ActionPotentials | None = None,
        start: float = -40.0,
        samples: int = 600,
        method: str = "",
    ) -> "ForwardECG":
        """From the weights of `lead_weights`."""
        if not (np.isfinite(start) and samples >= 1):
            raise InputError(
                f"window from {start} ms of {samples} samples; expected a finite start and at "
                "least one sample"
            )
        potentials = potentials or ActionPotentials.of()
        kind = weights.dtype
        return ForwardECG(
            weights=jnp.asarray(weights),
            tetrahedra=jnp.asarray(tetrahedra),
            upstroke=jnp.asarray(_upstroke_filter(potentials, samples), kind),
            recovery=jnp.asarray(_recovery_filter(potentials, samples), jnp.result_type(kind, 1j)),
            shortest=float(potentials.durations[0]),
            spacing=float(potentials.durations[1] - potentials.durations[0]),
            start=float(start),
            nodes=int(tetrahedra.max()) + 1,
            method=method,
        )

    @property
    def times(self) -> Float[np.ndarray, " time"]:
        """ms of the clock of the arrival times."""
        return self.start + STEP * np.arange(self.upstroke.shape[0])

    @property
    def longest(self) -> float:
        """The longest action potential in the table, ms."""
        return self.shortest + self.spacing * (self.recovery.shape[0] - 1)

    def ecg(
        self, arrival_times: Float[Array, " points"], durations: Float[Array, " points"]
    ) -> Float[Array, "8 time"]:
        """I, II and V1 to V6 in mV, from arrival times and durations (APD90) in ms.

        A pure function, differentiable by both and by `weights`; nothing is checked. Nodes with an
        infinite arrival time are never activated, and an element with such a corner has no sources.
        Durations beyond the table count as its first or last.
        """
        return _ecg(self, arrival_times, durations)

    def record(
        self,
        arrival_times: Float[np.ndarray, " points"],
        durations: Float[np.ndarray, " points"],
        **more,
    ) -> ECG:
        """The twelve leads at 1 kHz, after a check of the input; `more` goes to the ECG."""
        times = np.asarray(arrival_times, float)
        _check(self, times, np.asarray(durations, float))
        signals = np.asarray(_compiled(self, times, durations))
        remarks = (
            f"its first sample is at {self.start:g} ms of the arrival times",
            *((f"lead field: {self.method}",) if self.method else ()),
            *more.pop("remarks", ()),
        )
        return standard_ecg(signals, 1000 / STEP, INDEPENDENT, remarks=remarks, **more)


def _ecg(forward: ForwardECG, arrival_times, durations) -> Float[Array, "8 time"]:
    kind = forward.weights.dtype
    since = jnp.asarray(arrival_times, kind) - jnp.asarray(forward.start, kind)
    bins = forward.upstroke.shape[1]
    passed, totals = passage(since, forward.weights, forward.tetrahedra, SAMPLE, bins)
    fast = (forward.upstroke @ passed).T
    return fast - _recovery(forward, totals, since, jnp.asarray(durations, kind))


_compiled = jax.jit(_ecg)


def _recovery(forward, totals, since, durations) -> Float[Array, "8 time"]:
    """Sum over the nodes of R(t - T, A) x their weights' totals."""
    samples, kinds = forward.upstroke.shape[0], forward.recovery.shape[0]
    reached = jnp.isfinite(since)
    row = (durations - forward.shortest) / forward.spacing
    row, row_share = _share(jnp.where(reached, row, 0.0), kinds)
    # Whoever arrives after the window is still at rest at its end; the grid's last cells say so.
    outside = ~reached | (since < 0) | (since >= (samples - 1) * STEP)
    column, column_share = _share(jnp.where(outside, 0.0, since / STEP), samples)
    weights = jnp.where(outside[:, None], 0.0, totals)
    grid = jnp.zeros((kinds * samples, weights.shape[1]), weights.dtype)
    for down in (0, 1):
        for right in (0, 1):
            share = jnp.abs(1 - down - row_share) * jnp.abs(1 - right - column_share)
            cell = (row + down) * samples + column + right
            grid = grid.at[cell].add(share[:, None] * weights)
    spectrum = jnp.fft.rfft(grid.T.reshape(-1, kinds, samples), n=2 * samples)
    product = jnp.einsum("ldf,df->lf", spectrum, forward.recovery)
    return jnp.fft.irfft(product, n=2 * samples)[:, :samples]


def _share(position, count):
    """The cell before each position, and the share of the cell after it."""
    position = jnp.clip(position, 0, count - 1)
    cell = jnp.clip(jnp.floor(position).astype(int), 0, count - 2)
    return cell, position - cell


def _upstroke(potentials: ActionPotentials) -> Float[np.ndarray, " samples"]:
    """s: an action potential of middling duration held at its value at `UPSTROKE_END`."""
    middle = potentials.potentials[len(potentials.durations) // 2]
    end = round((FOOT + UPSTROKE_END) / SAMPLE)
    return np.where(np.arange(len(middle)) < end, middle, middle[end]) - middle[0]


def _upstroke_filter(potentials, samples: int) -> Float[np.ndarray, "time bins"]:
    """The mean of s'(t - arrival) over the arrivals of each bin, mV/ms."""
    each = round(STEP / SAMPLE)
    lag = each * np.arange(samples)[:, None] - np.arange(each * samples)
    s = _upstroke(potentials)
    at = np.clip(lag + round(FOOT / SAMPLE), 0, len(s) - 1)
    return (s[at] - s[np.maximum(at - 1, 0)]) / SAMPLE


def _recovery_filter(potentials, samples: int) -> Complex[np.ndarray, "durations frequencies"]:
    """Fourier transform of R(t, A) over `samples` ms from the arrival, and `FOOT` ms before it."""
    table = potentials.potentials
    rest = table - table[:, :1] - _upstroke(potentials)
    first, each = round(FOOT / SAMPLE), round(STEP / SAMPLE)
    after = np.clip(first + each * np.arange(samples), 0, table.shape[1] - 1)
    circle = np.zeros((len(table), 2 * samples))
    circle[:, :samples] = rest[:, after]
    before = min(first // each, samples)
    circle[:, -before:] = rest[:, first - each * before : first : each]
    return np.fft.rfft(circle)


def _check(forward: ForwardECG, times: np.ndarray, durations: np.ndarray) -> None:
    for name, values in (("arrival times", times), ("durations", durations)):
        if values.shape != (forward.nodes,):
            raise InputError(
                f"{name}: shape {values.shape}, expected ({forward.nodes:,},), one for each node "
                "of the heart"
            )
    reached = np.isfinite(times)
    if np.isnan(times).any() or not reached.any():
        raise InputError(
            f"arrival times: {int(np.isnan(times).sum()):,} are NaN and {int(reached.sum()):,} "
            "finite; expected ms, infinite where no front comes, and not everywhere"
        )
    earliest, latest = forward.start + FOOT, forward.start + STEP * forward.upstroke.shape[0]
    if times[reached].min() < earliest:
        raise InputError(
            f"the front starts at {times[reached].min():.1f} ms, the ECG at {forward.start:g} ms; "
            f"start the ECG at least {FOOT:g} ms before the front"
        )
    if times[reached].max() >= latest:
        raise InputError(
            f"the front arrives up to {times[reached].max():.1f} ms, when the ECG has ended "
            f"({latest:g} ms); take more samples"
        )
    _check_durations(forward, durations[reached])


def _check_durations(forward: ForwardECG, durations: np.ndarray) -> None:
    inside = (durations >= forward.shortest) & (durations <= forward.longest)
    if not inside.all():
        first = durations[~inside][0]
        raise InputError(
            f"durations: {int((~inside).sum()):,} of {len(durations):,} (first: {first:g} ms) lie "
            f"outside the table of action potentials, {forward.shortest:g} to "
            f"{forward.longest:g} ms; make a wider table with ActionPotentials.of"
        )
