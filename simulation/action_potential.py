"""Action potentials of every duration, made by a cell model."""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from twin.meshes.cache import remembered
from twin.meshes.errors import InputError
from twin.simulation.ionic.cell import pace, resting_cells
from twin.simulation.ionic.pacing import FORM
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov

SAMPLE = 0.5
FOOT = 5.0
SPAN = 600.0
CYCLE = 1000.0
UPSTROKE = -40.0
LONGEST = 495.0
"""ms: as far as the cell model reaches. Longer ones count as it."""
TABLES = Path(__file__).parent / "tables"
"""That come with the package."""


@dataclass(frozen=True, eq=False)
class ActionPotentials:
    """Membrane potential (mV) against the time since the upstroke, one row a duration (APD90, ms).

    Columns are `SAMPLE` ms apart; the first is `FOOT` ms before the upstroke crosses -40 mV.
    Durations are evenly spaced.
    """

    durations: Float[np.ndarray, " durations"]
    potentials: Float32[np.ndarray, "durations samples"]

    @staticmethod
    def of(
        model: TenTusscherPanfilov | None = None,
        shortest: float = 160.0,
        longest: float = LONGEST,
        spacing: float = 5.0,
    ) -> "ActionPotentials":
        """From `model` paced at 1 Hz, its repolarising currents scaled to reach each duration.

        Those of the defaults come with the package; others are computed once and kept in the cache
        folder.
        """
        model = model or TenTusscherPanfilov()
        settings = (model, shortest, longest, spacing, SAMPLE, FOOT, SPAN, FORM, "single")
        key = sha256(repr(settings).encode())
        arrays = remembered(
            "action_potentials",
            key.hexdigest(),
            lambda: _compute(model, shortest, longest, spacing),
            TABLES,
        )
        return ActionPotentials(arrays["durations"], arrays["potentials"])

    @property
    def times(self) -> Float[np.ndarray, " samples"]:
        """ms since the upstroke."""
        return np.arange(self.potentials.shape[1]) * SAMPLE - FOOT

    def at(
        self, since: Float[np.ndarray, " points"], durations: Float[np.ndarray, " points"]
    ) -> Float[np.ndarray, " points"]:
        """mV at so many ms since the upstroke in cells of these durations, linear in both; at rest
        where the upstroke is infinitely far off. Single precision."""
        table = self.potentials
        row, lower = _share((durations - self.durations[0]) / np.diff(self.durations[:2]), table, 0)
        column, right = _share((since + FOOT) / SAMPLE, table, 1)
        above, below = (
            (1 - right) * table[r, column] + right * table[r, column + 1] for r in (row, row + 1)
        )
        return (1 - lower) * above + lower * below


def _share(place: np.ndarray, table: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The row or column before each place, and the next one's share."""
    place = np.clip(place, 0, table.shape[axis] - 1).astype(np.float32)
    before = np.minimum(place.astype(np.int32), table.shape[axis] - 2)
    return before, place - before


def _compute(model, shortest, longest, spacing) -> dict[str, np.ndarray]:
    wanted = np.arange(shortest, longest + spacing / 2, spacing)
    factors = np.geomspace(0.2, 12.0, 40)
    reached = np.array([_duration(trace) for trace in _beats(model, factors)])
    if wanted[0] < reached.min() or wanted[-1] > reached.max():
        raise InputError(
            f"action potentials of {wanted[0]:.0f} to {wanted[-1]:.0f} ms: the cell model reaches "
            f"{reached.min():.0f} to {reached.max():.0f} ms"
        )
    exact = np.exp(np.interp(wanted, reached[::-1], np.log(factors[::-1])))
    traces = [_from_upstroke(trace) for trace in _beats(model, exact)]
    return {"durations": wanted, "potentials": np.array(traces, np.float32)}


def _beats(model, factors: np.ndarray) -> Float[np.ndarray, "cells samples"]:
    """The fifth beat at 1 Hz, with its repolarising currents multiplied by each factor."""
    cells = replace(model, repolarising=np.asarray(factors))
    state = resting_cells(model, len(factors))
    _, traces = pace(cells, state, cycle=CYCLE, beats=5, time_step=0.02, every=round(SAMPLE / 0.02))
    return np.asarray(traces).T


def _upstroke(trace: np.ndarray) -> float:
    """Time (samples) at which the trace first crosses -40 mV."""
    after = int(np.argmax(trace > UPSTROKE))
    return after - (trace[after] - UPSTROKE) / (trace[after] - trace[after - 1])


def _duration(trace: np.ndarray) -> float:
    """APD90, ms."""
    threshold = trace.max() - 0.9 * (trace.max() - trace[0])
    last = int(np.flatnonzero(trace > threshold)[-1])
    below = (trace[last] - threshold) / (trace[last] - trace[last + 1])
    return SAMPLE * (last + below - _upstroke(trace))


def _from_upstroke(trace: np.ndarray) -> np.ndarray:
    """Resampled from `FOOT` ms before the upstroke to `SPAN` ms after it, resting before."""
    samples = _upstroke(trace) + np.arange(-FOOT, SPAN, SAMPLE) / SAMPLE
    resting = trace[0]
    return np.interp(samples, np.arange(len(trace)), trace, left=resting)
