"""A beat of a left atrium by the eikonal equation; fibrillation by the monodomain equation."""

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float, Int

from twin.meshes.atria.regions import VEINS, Region
from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent
from twin.simulation.activation import Activation
from twin.simulation.atria.conduction import ConductingAtrium
from twin.simulation.atria.sites import beginnings
from twin.simulation.eikonal import activation
from twin.simulation.ionic.cell import CellModel
from twin.simulation.ionic.courtemanche import Courtemanche
from twin.simulation.ionic.modified_mitchell_schaeffer import ModifiedMitchellSchaeffer
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.observers import Frames
from twin.simulation.reaction_diffusion.reentry import (
    cycle_lengths,
    dominant_frequency,
    loop_of_states,
    phase,
    phase_singularities,
    spiral_phases,
    state_of_phases,
)
from twin.simulation.reaction_diffusion.stimulus import Stimulus

FIBRILLATING = ModifiedMitchellSchaeffer(
    tau_in=0.15, tau_out=1.5, tau_open=105.0, tau_close=185.0, gate=0.1
)
"""Modified Mitchell-Schaeffer with the constants of fibrillating left atria (atria.md)."""

EMBEDDING = 30.0
"""ms between a potential and its earlier self, by which the phase is told."""
ALIVE = -60.0
"""mV that some node reaches in the last `LAST` ms of a run that is sustained."""
LAST = 200.0
SETTLING = 500.0
"""ms at the start that cycle lengths and frequencies leave out."""


def courtemanche_fibrillating(conducting: ConductingAtrium) -> Courtemanche:
    """Courtemanche's cell with the remodelling of fibrillation, and that of veins in their sleeves
    (atria.md): one value a node."""
    veins = np.zeros(len(conducting.atrium.points), bool)
    present = [*VEINS, Region.LEFT_COMMON_TRUNK]
    veins[conducting.atrium.nodes(*present)] = True

    def either(sleeve: float, body: float):
        return np.where(veins, sleeve, body)

    cell = Courtemanche
    return Courtemanche(
        g_na=2 * cell.g_na,
        g_to=either(0.062, 0.0826),
        g_kr=either(0.071, 0.0471),
        g_cal=either(0.028, 0.0371),
        g_k1=either(0.67, 0.8) * cell.g_k1,
        g_ks=either(1.87, 1.0) * cell.g_ks,
        ultrarapid=0.5,
    )


def beat(conducting: ConductingAtrium, rhythm: str = "sinus") -> Activation:
    """Activation times of one beat, ms, by the eikonal equation."""
    nodes, times = beginnings(conducting.atrium, rhythm)
    return activation(conducting.shell, conducting.tissue, nodes, times)


@dataclass(frozen=True, eq=False)
class Fibrillation:
    """What a run of re-entry or fibrillation left: potentials (mV) every `interval` ms."""

    conducting: ConductingAtrium
    interval: float
    potentials: Float[np.ndarray, "times points"]

    @property
    def sustained(self) -> bool:
        """Whether it still goes on at the end."""
        return bool(self.potentials[-round(LAST / self.interval) :].max() > ALIVE)

    @property
    def cycle_length(self) -> float:
        """Mean over the nodes of their median cycle, ms, once it has settled; NaN if none beats."""
        settled = self._settled
        medians = [
            np.median(lengths)
            for trace in settled.T[:: max(1, settled.shape[1] // 2000)]
            if len(lengths := cycle_lengths(trace, self.interval))
        ]
        return float(np.mean(medians)) if medians else float("nan")

    @property
    def frequencies(self) -> Float[np.ndarray, " points"]:
        """Dominant frequency of each node, Hz."""
        return dominant_frequency(self._settled, self.interval)

    @property
    def singularities(self) -> Int[np.ndarray, " times"]:
        """Tips of spirals in each frame, from the first one whose phase is known."""
        late = round(EMBEDDING / self.interval)
        if len(self.potentials) <= late:
            raise InputError(f"a run of {EMBEDDING:g} ms or less has no phase yet")
        triangles = self.conducting.atrium.triangles
        phases = phase(self.potentials[late:], self.potentials[:-late])
        return np.array([np.abs(phase_singularities(triangles, p)).sum() for p in phases])

    @property
    def _settled(self) -> Float[np.ndarray, "times points"]:
        first = round(SETTLING / self.interval)
        return self.potentials[first:] if len(self.potentials) > 2 * first else self.potentials


def fibrillate(
    conducting: ConductingAtrium,
    duration: float = 1000.0,
    *,
    cell: CellModel = FIBRILLATING,
    centre: Float[np.ndarray, " 3"] | None = None,
    pitch: float = 100.0,
    clockwise: bool = False,
    cycle: float = 300.0,
    interval: float = 2.0,
    time_step: float = 0.05,
    progress: Progress = silent,
) -> Fibrillation:
    """`duration` ms from a map of phases: an Archimedean spiral of `pitch` mm about `centre` (the
    back of the body unless given), each node at its place in a beat of `cycle` ms.

    The cell has to follow that cycle; the re-entry finds its own, which is shorter."""
    ready = conducting.single()
    model = Monodomain.of(ready.shell, cell, ready.conductivity, time_step=time_step, slivers=True)
    points = conducting.atrium.points
    middle = points.mean(axis=0)
    centre = _back(conducting) if centre is None else np.asarray(centre, float)
    phases = spiral_phases(points, centre, centre - middle, pitch, clockwise)
    # The loop is one cell's: where cells differ, that of the body's first node stands for all.
    loop = loop_of_states(_one_of(cell), cycle=cycle, time_step=time_step)
    if loop[:, 0].max() < cell.threshold:
        raise InputError(
            f"the cell does not follow a cycle of {cycle:g} ms, so that nothing in the start is "
            "excited; take a longer cycle"
        )
    run = model.run(
        Stimulus.none(model.nodes),
        duration,
        start=state_of_phases(loop, phases),
        every=interval,
        observers=[Frames(interval)],
        progress=progress,
    )
    return Fibrillation(conducting, interval, np.asarray(run.samples["frames"]))


def _back(conducting: ConductingAtrium) -> Float[np.ndarray, " 3"]:
    """The middle of the body's back."""
    atrium = conducting.atrium
    nodes = atrium.nodes(Region.BODY)
    height = np.abs(atrium.coordinates.posterior_anterior[nodes] - 0.3)
    across = np.abs(atrium.coordinates.septal_lateral[nodes] - 0.5)
    return atrium.points[nodes[np.argmin(height + across)]]


def _one_of(cell: CellModel) -> CellModel:
    """The cell with the commonest value of each parameter that differs between nodes."""
    return jax.tree.map(lambda leaf: float(np.median(leaf)) if np.ndim(leaf) else leaf, cell)
