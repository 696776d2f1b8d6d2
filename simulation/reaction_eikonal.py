"""Reaction-eikonal: a front that the eikonal equation leads, in tissue that reacts and diffuses.

The arrival times of the eikonal trigger the cells by a current at the foot of the action potential,
while the monodomain equation holds everywhere (RE+ of Neic et al., J Comput Phys 346:191, 2017).
The front is then as exact as the eikonal's on meshes far too coarse to carry it, and what follows,
recovery and its currents, is smooth enough for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.progress import Progress, silent
from twin.meshes.shell import Shell
from twin.simulation.eikonal import activation
from twin.simulation.ionic.cell import CellModel
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.cable import speed_in_the_limit
from twin.simulation.reaction_diffusion.checkpoint import Checkpoint
from twin.simulation.reaction_diffusion.conductivity import (
    CAPACITANCE,
    SURFACE_TO_VOLUME,
    TissueConductivity,
)
from twin.simulation.reaction_diffusion.curvature import holding_back
from twin.simulation.reaction_diffusion.foot import (
    FOOT_CURRENT,
    FOOT_DURATION,
    Upstroke,
    upstroke_of,
)
from twin.simulation.reaction_diffusion.observers import Signals
from twin.simulation.reaction_diffusion.propagation import Observer, Propagation
from twin.simulation.reaction_diffusion.sharp_front import front_correction
from twin.simulation.reaction_diffusion.stimulus import Stimulus
from twin.simulation.tissue import Tissue

BENDING_ROUNDS = 2
"""A front's shape hardly depends on how much it is held back."""


@dataclass(frozen=True, eq=False)
class ReactionEikonal:
    """`ReactionEikonal.of(heart, cell).run(arrival_times, 500.0)`."""

    model: Monodomain
    tissue: TissueConductivity
    upstroke: Upstroke

    @staticmethod
    def of(
        mesh: Heart | Shell,
        cell: CellModel,
        tissue: TissueConductivity | None = None,
        *,
        time_step: float = 0.02,
        longest_step: float | None = None,
        implicit: bool = False,
        kind=np.float32,
    ) -> "ReactionEikonal":
        """As `Monodomain.of`, but for meshes as coarse as one likes."""
        tissue = tissue or TissueConductivity.uniform(mesh)
        model = Monodomain.of(
            mesh,
            cell,
            tissue,
            time_step=time_step,
            longest_step=longest_step,
            implicit=implicit,
            kind=kind,
            carries_front=False,
        )
        return ReactionEikonal(model, tissue, upstroke_of(type(cell), time_step))

    def arrival_times(self, sources, times=0.0) -> Float[np.ndarray, " points"]:
        """ms, of the front that the tissue's own conductivities and cell make, slower where it is
        bent (`curvature`); `sources` (mm) fire at `times`. See `eikonal.activation`."""
        mesh = self.model.mesh
        plane = speeds_of(self.tissue, type(self.model.equation.cell))
        arrivals = activation(mesh, plane, sources, times).times
        for _ in range(BENDING_ROUNDS):
            bent = plane.scale(1 / (1 + holding_back(mesh, self.tissue, arrivals)))
            arrivals = activation(mesh, bent, sources, times).times
        return arrivals

    def run(
        self,
        arrival_times: Float[np.ndarray, " points"],
        duration: float,
        *,
        every: float = 1.0,
        observers: Sequence[Observer] = (),
        checkpoint: Checkpoint | None = None,
        progress: Progress = silent,
    ) -> Propagation:
        """`duration` ms from 0 on, at which everything is at rest; infinite: no front comes."""
        times = np.asarray(arrival_times, float)
        if times.shape != (self.model.nodes,) or np.isnan(times).any():
            raise InputError(
                f"arrival times have the shape {times.shape} or are not numbers, expected one for "
                f"each of {self.model.nodes:,} nodes, infinite where no front comes"
            )
        lead = self.upstroke.lead
        if times.min() < lead:
            raise InputError(
                f"the front starts at {times.min():g} ms; cells need {lead:.2g} ms before to "
                f"fire: let it start at {lead:.2g} ms or later"
            )
        run = self.model.run(
            self.foot_current(times),
            duration,
            every=every,
            observers=observers,
            checkpoint=checkpoint,
            progress=progress,
        )
        seen = [o for o in observers if isinstance(o, Signals)]
        return replace(run, samples=run.samples | {o.name: self._sharp(run, o) for o in seen})

    def _sharp(self, run: Propagation, signals: Signals) -> Float[np.ndarray, "times signals"]:
        """With the front as it passes through the elements, see `sharp_front`."""
        mesh, samples = self.model.mesh, run.samples[signals.name]
        if isinstance(mesh, Shell):
            return samples
        more = front_correction(
            run.activation_times, signals.corners, mesh.tetrahedra, self.upstroke, run.times
        )
        return samples + more.astype(samples.dtype)

    def foot_current(self, arrival_times: Float[np.ndarray, " points"]) -> Stimulus:
        """Differentiable by the arrival times."""
        kind = self.model.kind
        onsets = jnp.asarray(arrival_times, kind) - self.upstroke.lead
        pulse = Stimulus.spread(np.zeros(1), (0.0,), FOOT_DURATION, FOOT_CURRENT, kind)
        return replace(pulse, onsets=onsets[None])


def speeds_of(tissue: TissueConductivity, cell_type: type) -> Tissue:
    """Speeds (mm/ms) of plane fronts of a cell: that of the cable equation times sqrt(D)."""
    speeds = _cable_speed(cell_type) * np.sqrt(tissue.diffusivities)
    return Tissue(speeds, tissue.blocked | tissue.passive)


def conductivity_of(tissue: Tissue, cell_type: type) -> TissueConductivity:
    """The other way: conductivities for which plane fronts of a cell have the tissue's speeds."""
    conductivities = (
        (tissue.speeds / _cable_speed(cell_type)) ** 2 * SURFACE_TO_VOLUME * CAPACITANCE
    )
    nowhere = np.zeros(len(tissue.blocked), bool)
    return TissueConductivity(np.asarray(conductivities, float), tissue.blocked, nowhere)


@lru_cache
def _cable_speed(cell_type: type) -> float:
    return speed_in_the_limit(cell_type())
