"""What is recorded of a subject: potentials of several rhythms, and the leads that see them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from twin.simulation.atria.action_potential import atrial_action_potential
from twin.simulation.atria.ecg import AtrialLeads
from twin.simulation.atria.rhythm import FIBRILLATING, beat, fibrillate
from twin.simulation.atria.sites import PACED
from twin.simulation.atria.subject import Subject
from twin.simulation.ionic.cell import CellModel
from twin.simulation.lead_field import LeadField

INTERVAL = 2.0
"""ms"""
SMOOTHING = 2.0
"""ms, SD by which the upstroke of a beat is widened: a front passes a node of the mesh in the time
in which it passes an element."""
LEAD_IN, LEAD_OUT = 10.0, 20.0
"""ms recorded before a beat's first activation and after its last repolarisation."""
PACED_SITES = 2
SETTLING = 500.0
"""ms of re-entry that are not recorded."""
ATTEMPTS = 4
REENTRY, FIBRILLATION = 400.0, 1000.0
"""ms that are."""
STABLE = replace(FIBRILLATING, tau_close=110.0)
"""Short action potentials: one wave that goes on circling, as in flutter."""


@dataclass(frozen=True, eq=False)
class Take:
    """Potentials (mV) every `INTERVAL` ms at the nodes, and I, II and V1 to V6 (mV)."""

    rhythm: str
    potentials: Float[np.ndarray, "times points"]
    leads: Float[np.ndarray, "8 times"]


def takes_of(
    subject: Subject, field: LeadField, seed: int, fibrillation: float = FIBRILLATION
) -> Iterator[Take]:
    """Sinus, paced from some sites, and re-entry and fibrillation where they last."""
    random = np.random.default_rng([seed, 9])
    weights = AtrialLeads.of(subject.conducting, field).node_weights

    def take(rhythm: str, potentials) -> Take:
        return Take(rhythm, potentials, weights.T @ np.asarray(potentials, float).T)

    sites = random.permutation(len(PACED))[:PACED_SITES]
    for rhythm in ("sinus", *(list(PACED)[k] for k in sites)):
        yield take(rhythm, _beat(subject, rhythm))
    membrane = replace(
        FIBRILLATING,
        tau_close=FIBRILLATING.tau_close * random.uniform(0.8, 1.1),
        tau_open=FIBRILLATING.tau_open * random.uniform(0.9, 1.1),
    )
    for rhythm, duration, cell in (
        ("reentry", REENTRY, STABLE),
        ("fibrillation", fibrillation, membrane),
    ):
        potentials = _reentry(subject, random, duration, cell)
        if potentials is not None:
            yield take(rhythm, potentials)


def _beat(subject: Subject, rhythm: str) -> Float[np.ndarray, "times points"]:
    """One action potential, wherever the front has come."""
    times = np.asarray(beat(subject.conducting, rhythm).times, float)
    shape = atrial_action_potential()
    shape = np.concatenate([np.full(round(LEAD_IN), shape[0]), shape])
    shape = gaussian_filter1d(shape, SMOOTHING, mode="nearest")
    moments = np.arange(times.min() - LEAD_IN, times.max() + len(shape) + LEAD_OUT, INTERVAL)
    since = moments[:, None] - times + LEAD_IN
    return np.interp(since, np.arange(len(shape)), shape).astype(np.float32)


def _reentry(
    subject: Subject, random: np.random.Generator, duration: float, cell: CellModel
) -> Float[np.ndarray, "times points"] | None:
    """From one spiral about a random place; about another where it ends early."""
    atrium = subject.atrium
    for _ in range(ATTEMPTS):
        run = fibrillate(
            subject.conducting,
            SETTLING + duration,
            cell=cell,
            centre=atrium.points[random.integers(len(atrium.points))],
            pitch=random.uniform(60.0, 140.0),
            clockwise=bool(random.integers(2)),
            interval=INTERVAL,
        )
        if run.sustained:
            return run.potentials[round(SETTLING / INTERVAL) :]
    return None
