"""How long a time step and how coarse a mesh may be, and what to do about it."""

from dataclasses import dataclass

import jax
import numpy as np

from twin.meshes.errors import InputError, TwinError
from twin.meshes.heart import Heart
from twin.meshes.shell import Shell
from twin.simulation.ionic.cell import CellModel
from twin.simulation.reaction_diffusion.cable import coarsest_spacing
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.diffusion import Diffusion
from twin.simulation.reaction_diffusion.simplices import Simplices

STEPS_UNSEEN = 50
"""Steps after which a run that has gone wild is noticed at the latest."""

LOWEST, HIGHEST = -200.0, 200.0
"""mV that no cell reaches by itself."""

SAFE_SPACING = 2.0
"""Root of ms; every cell's front crosses nodes that are as near over sqrt(D)."""

REACTION_STEP = 0.1
"""ms; longer steps lose the upstroke."""

LARGE = 0.95
"""Share of the elements that is to be fine enough."""


class UnstableError(TwinError):
    """A run left what is possible; nothing of it after that was kept."""


@dataclass(frozen=True)
class Stability:
    """`explicit_step`: longest step of explicit diffusion, ms. `spacing`: extent of an element over
    sqrt(D), root of ms, along the axis where it is largest; 95 % of elements have less.
    `extent`: mm, of that element.
    """

    explicit_step: float
    spacing: float
    extent: float

    @staticmethod
    def of(
        mesh: Heart | Shell,
        diffusion: Diffusion,
        tissue: TissueConductivity,
    ) -> "Stability":
        conducting = ~tissue.blocked
        if not conducting.any():
            raise InputError("all tissue is blocked: nothing to simulate")
        extents = Simplices(mesh, tissue.blocked).extents[conducting]
        axes = extents.shape[1] if mesh.elements.shape[1] == 4 else 2
        spacings = (extents / np.sqrt(tissue.diffusivities[conducting]))[:, :axes]
        worst = spacings.max(axis=1)
        place = np.argsort(worst)[int(LARGE * (len(worst) - 1))]
        spacing = float(worst[place])
        extent = float(extents[place, spacings[place].argmax()])
        return Stability(diffusion.limit(), spacing, extent)

    def check_step(self, time_step: float, implicit: bool) -> None:
        if not implicit and time_step > self.explicit_step:
            raise InputError(
                f"time step: {time_step:g} ms is beyond the {self.explicit_step:.3g} ms for which "
                f"explicit diffusion is stable on this mesh; take {self._advised:.2g} ms, or "
                "implicit diffusion"
            )
        if time_step > REACTION_STEP:
            raise InputError(
                f"time step: {time_step:g} ms is too long for the upstroke; take "
                f"{REACTION_STEP:g} ms or less"
            )

    def check_mesh(self, cell: CellModel, balanced: bool) -> None:
        if self.spacing <= SAFE_SPACING:
            return
        coarsest = coarsest_spacing(type(cell), balanced)
        if self.spacing > coarsest:
            finer = self.extent * coarsest / self.spacing
            raise InputError(
                f"mesh: elements extend {self.extent:.2g} mm along an axis where a front of this "
                f"cell needs {finer:.2g} mm or less to go on; refine the mesh, or take "
                "reaction-eikonal, which is made for coarse meshes"
            )

    @property
    def advice(self) -> str:
        """Which way of diffusing to choose here, in words."""
        if self.explicit_step >= REACTION_STEP:
            return (
                f"explicit diffusion is stable up to {self.explicit_step:.3g} ms, longer than the "
                "cell's own steps: implicit diffusion would cost more and gain nothing"
            )
        if self.explicit_step >= 0.02:
            return (
                f"explicit diffusion is stable up to {self.explicit_step:.3g} ms and does with one "
                "sparse product a step; implicit diffusion pays from twice that on"
            )
        return (
            f"explicit diffusion is stable up to {self.explicit_step:.3g} ms only, less than the "
            "0.02 ms that the cell needs: take implicit diffusion"
        )

    def watch(self, state, time_step: float) -> None:
        """An `UnstableError` if potentials have left what is possible."""
        potential = np.asarray(state.cells[0])
        fine = (potential > LOWEST) & (potential < HIGHEST)
        whole = bool(jax.numpy.isfinite(state.cells).all())
        if fine.all() and whole:
            return
        node = int(np.argmin(fine)) if not fine.all() else 0
        step = int(state.step)
        raise UnstableError(
            f"the potential of {int((~fine).sum()):,} of {len(fine):,} nodes (first: {node:,}) "
            f"left {LOWEST:g} to {HIGHEST:g} mV between steps {max(0, step - STEPS_UNSEEN):,} and "
            f"{step:,} ({step * time_step:g} ms); take a shorter time step than {time_step:g} ms, "
            "or a weaker stimulus"
        )

    @property
    def _advised(self) -> float:
        return min(0.9 * self.explicit_step, 0.02)
