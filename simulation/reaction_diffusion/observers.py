"""What is kept of a run: potentials at probes, leads and electrograms, whole frames."""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.shell import Shell
from twin.simulation.lead_weights import node_weights
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.simplices import Simplices

BATH = 1.0
"""S/m around an electrode: blood's is 0.6 to 0.7, a tissue bath's 1 to 2."""


@dataclass(frozen=True, eq=False)
class Probes:
    """Potentials (mV) of some nodes."""

    nodes: Int[np.ndarray, " probes"]
    name: str = "probes"

    @staticmethod
    def near(mesh: Heart | Shell, places: Float[np.ndarray, "probes 3"]) -> "Probes":
        """The nodes nearest to `places` in mm."""
        places = np.asarray(places, float)
        gaps = np.linalg.norm(mesh.points[None] - places[:, None], axis=2)
        return Probes(gaps.argmin(axis=1))

    def observe(self, time: float, potential: Float[Array, " points"]) -> Array:
        return potential[jnp.asarray(self.nodes)]


@dataclass(frozen=True, eq=False)
class Signals:
    """Leads of an ECG, or electrograms: minus the sum over the elements' corners of weight x
    potential, with the `corners`' weights as `lead_weights` has them; `weights` are their sums at
    the nodes, sign and all."""

    corners: Float[np.ndarray, "elements signals corners"]
    weights: Float[Array, "points signals"]
    name: str = "signals"

    @staticmethod
    def of_corners(
        mesh: Heart | Shell, corners: Float[Array, "elements signals corners"], name: str
    ) -> "Signals":
        return Signals(np.asarray(corners), -node_weights(mesh, jnp.asarray(corners)), name)

    @staticmethod
    def electrograms(
        mesh: Heart | Shell,
        tissue: TissueConductivity,
        electrodes: Float[np.ndarray, "electrodes 3"],
        bath: float = BATH,
        thickness: float = 1.0,
    ) -> "Signals":
        """Unipolar, in mV, at places outside the tissue, in an unbounded bath of `bath` S/m:

            phi = - 1 / (4 pi bath) integral of sigma grad V . grad (1 / r).

        A shell counts as `thickness` mm of tissue.
        """
        electrodes = np.asarray(electrodes, float)
        gaps = np.linalg.norm(np.asarray(mesh.points, float)[:, None] - electrodes[None], axis=2)
        if not gaps.min() > 0.1:
            raise InputError(
                f"electrode {int(gaps.min(axis=0).argmin())} is {gaps.min():.2g} mm from the "
                "tissue; 1 / r has no meaning there: take it at least 0.1 mm away"
            )
        simplices = Simplices(mesh, tissue.blocked)
        conductivities = np.where(tissue.blocked[:, None], 0, tissue.conductivities)
        stiffness = simplices.stiffness(conductivities)
        depth = thickness if isinstance(mesh, Shell) else 1.0
        seen = depth / (4 * np.pi * bath) * np.moveaxis((1 / gaps)[mesh.elements], 2, 1)
        return Signals.of_corners(
            mesh, (seen @ stiffness).astype(mesh.points.dtype), "electrograms"
        )

    def observe(self, time: float, potential: Float[Array, " points"]) -> Array:
        return potential @ self.weights


@dataclass(frozen=True, eq=False)
class Frames:
    """The whole potential each `interval` ms, a multiple of the run's own samples; `show` is called
    with each (ms, mV) besides."""

    interval: float
    show: Callable[[float, np.ndarray], None] | None = None
    name: str = "frames"

    def observe(self, time: float, potential: Float[Array, " points"]) -> Array | None:
        if abs(time / self.interval - round(time / self.interval)) * self.interval > 1e-6 * (
            1 + time
        ):
            return None
        if self.show is not None:
            self.show(time, np.asarray(potential))
        return potential
