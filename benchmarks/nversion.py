"""The N-version benchmark of monodomain codes (Niederer et al., Phil Trans A 369:4331, 2011)."""

from dataclasses import dataclass

import jax
import numpy as np

from twin.benchmarks.boxes import SIZE, box_heart
from twin.meshes.heart import Heart
from twin.meshes.shell import Shell
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.mass import LUMPED, Mass
from twin.simulation.reaction_diffusion.stepping import march_reference
from twin.simulation.reaction_diffusion.stimulus import Stimulus

CORNERS = [
    (0, 0, 0),
    (20, 0, 0),
    (0, 7, 0),
    (0, 0, 3),
    (20, 7, 0),
    (20, 0, 3),
    (0, 7, 3),
    (20, 7, 3),
]
PLACES = np.array([*CORNERS, (10, 3.5, 1.5)], float)
FAR_CORNER = 7

# Of the 11 codes at dx 0.1 mm and dt 0.01 ms: ms.
MEANS = np.array([1.04, 32.23, 29.76, 8.95, 43.97, 33.70, 31.32, 44.93, 20.50])
SPREADS = np.array([0.38, 0.56, 1.65, 0.56, 2.83, 1.00, 2.12, 3.22, 1.30])

CUBE = 1.5
LONGEST = 160.0


@dataclass(frozen=True)
class Run:
    """Activation times (ms) at `PLACES`, and the nodes and steps that they took."""

    times: np.ndarray
    nodes: int
    steps: int

    @property
    def corner(self) -> float:
        return float(self.times[FAR_CORNER])


def box(spacing: float) -> Heart:
    return box_heart(spacing, fibre=(1.0, 0.0, 0.0), size=SIZE, jitter=0.0, kind=np.float32)


def model_of(
    mesh: Heart, time_step: float, mass: Mass = LUMPED, factor: float = 1.0, **more
) -> Monodomain:
    """`factor` on the benchmark's conductivities."""
    tissue = TissueConductivity.uniform(mesh).scale(factor)
    cell = TenTusscherPanfilov()
    return Monodomain.of(mesh, cell, tissue, time_step=time_step, mass=mass, threshold=0.0, **more)


def stimulus_of(mesh: Heart | Shell) -> Stimulus:
    return Stimulus.at(np.asarray((mesh.points <= CUBE + 1e-4).all(axis=1)))


def activate(model: Monodomain, native: bool = True) -> Run:
    """Until every place is activated."""
    nodes = [int(np.argmin(np.linalg.norm(model.mesh.points - p, axis=1))) for p in PLACES]
    march = model.march if native else _reference(model)
    advance = jax.jit(march, static_argnums=2)
    state, stimulus = model.at_rest(), stimulus_of(model.mesh)
    while int(state.step) < model.steps(LONGEST):
        state = advance(state, stimulus, 50)
        model.stability.watch(state, model.equation.time_step)
        times = np.asarray(state.first_activations)[nodes]
        if np.isfinite(times).all():
            break
    return Run(times, len(model.mesh.points), int(state.step))


def _reference(model: Monodomain):
    return lambda state, stimulus, steps: march_reference(model.equation, state, stimulus, steps)
