"""How an atrium's wall conducts: kinds of tissue, two layers of fibres as one, fibrosis."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from twin.meshes.atria.fibres import principal_directions
from twin.meshes.atria.tissue import TissueClass
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.fields.surface_elements import SurfaceElements
from twin.meshes.shell import Shell
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.tissue import Tissue


@dataclass(frozen=True)
class AtrialWall:
    """Conductivities of a left atrium's wall, S/m, and how fast fronts run in it.

    `anisotropy` is that of each kind of tissue; across the fibres all conduct alike. Fibrosis of
    density 1 leaves `fibrotic` of the conductivity. A front runs `speed` mm/ms along the fibres of
    working tissue, elsewhere as the root of the conductivity goes. `thickness` is in mm.
    """

    across: float = 0.107
    working: float = 0.4 / 0.107
    bachmann: float = 9.0
    pectinate: float = 10.5
    sleeve: float = 0.4 / 0.107
    vestibule: float = 0.4 / 0.107
    fibrotic: float = 0.3
    speed: float = 0.8
    thickness: float = 2.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < 100:
                raise InputError(f"atrial wall: {name} is {value}, expected above 0 and below 100")
        if self.fibrotic > 1:
            raise InputError(f"atrial wall: fibrotic is {self.fibrotic}, expected 1 at most")

    def of(self, atrium: Atrium) -> "ConductingAtrium":
        """The wall as one sheet that conducts as both of its layers together."""
        elements = SurfaceElements(atrium.points, atrium.triangles)
        tensor = self._tensor(atrium, elements.normals)
        fibre = principal_directions(tensor, elements.normals)
        sheet = np.cross(elements.normals, fibre)
        along, across = (np.einsum("ti,tij,tj->t", a, tensor, a) for a in (fibre, sheet))
        shell = Shell(atrium.points, atrium.triangles, fibre)
        return ConductingAtrium(atrium, shell, self, np.stack([along, across, across], axis=1))

    def parts(
        self, atrium: Atrium
    ) -> tuple[Float[np.ndarray, " tris"], Float[np.ndarray, " tris"]]:
        """Conductivity in all directions, and how much more it is along the fibres, S/m."""
        density = atrium.fibrosis[atrium.triangles].mean(axis=1)
        across = self.across * (1 - (1 - self.fibrotic) * density)
        ratios = np.ones(len(TissueClass) + 1)
        for kind in TissueClass:
            ratios[kind] = getattr(self, kind.name.lower())
        return across, across * (ratios[atrium.tissue] - 1)

    def _tensor(self, atrium: Atrium, normals) -> Float[np.ndarray, "tris 3 3"]:
        """Mean of the two layers' conductivity tensors."""
        across, excess = self.parts(atrium)
        within = np.eye(3) - np.einsum("ti,tj->tij", normals, normals)
        layers = (atrium.endocardial_fibre, atrium.epicardial_fibre)
        dyads = sum(np.einsum("ti,tj->tij", fibre, fibre) for fibre in layers) / len(layers)
        return across[:, None, None] * within + excess[:, None, None] * dyads


@dataclass(frozen=True, eq=False)
class ConductingAtrium:
    """An atrium, its wall as a shell, and the conductivities of it, S/m, along its axes."""

    atrium: Atrium
    shell: Shell
    wall: AtrialWall
    conductivities: Float[np.ndarray, "tris 3"]

    @property
    def tissue(self) -> Tissue:
        """Speeds, for the eikonal equation."""
        working = self.wall.across * self.wall.working
        speeds = self.wall.speed * np.sqrt(self.conductivities / working)
        return Tissue(speeds, np.zeros(len(speeds), bool))

    @property
    def conductivity(self) -> TissueConductivity:
        """For the monodomain equation."""
        nowhere = np.zeros(len(self.conductivities), bool)
        return TissueConductivity(self.conductivities, nowhere, nowhere)

    def single(self) -> "ConductingAtrium":
        """The shell in single precision."""
        return replace(self, shell=self.shell.astype(np.float32))
