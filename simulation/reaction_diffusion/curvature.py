"""How much a front is held back by its own shape.

With c the speed of plane fronts, over the root of the diffusivity, the times of a front that is not
plane obey (Colli Franzone, Guerri and Rovida, J Math Biol 28:121, 1990)

    c sqrt(grad T . D grad T) = 1 + div(D grad T):

one that spreads out from a point feeds more tissue than it fills, and is slower.
"""

import numpy as np
from jaxtyping import Float

from twin.meshes.heart import Heart
from twin.meshes.shell import Shell
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.simplices import Simplices

MOST = 0.5
"""Of a plane front's slowness; a front that is held back more does not get out of its source."""


def holding_back(
    mesh: Heart | Shell, tissue: TissueConductivity, times: Float[np.ndarray, " points"]
) -> Float[np.ndarray, " elements"]:
    """div(D grad T) of each element, from 0 to `MOST`; 0 where no front comes.

    Fronts that run into each other would be hurried on, but only within D / c of each other, less
    than an element: they count as plane ones.
    """
    simplices = Simplices(mesh, tissue.blocked)
    own = times[mesh.elements]
    reached = np.isfinite(own).all(axis=1)
    slopes = np.einsum("ekx,ek->ex", simplices.gradients, np.where(reached[:, None], own, 0.0))
    along = np.einsum("eax,ex->ea", simplices.axes, slopes)
    flux = np.einsum("eax,ea->ex", simplices.axes, tissue.diffusivities * along)
    around = _nodal_means(simplices, flux, np.where(reached, simplices.sizes, 0.0))
    spread = np.einsum("ekx,ekx->e", simplices.gradients, around[mesh.elements])
    return np.where(reached, np.clip(spread, 0.0, MOST), 0.0)


def _nodal_means(
    simplices: Simplices,
    values: Float[np.ndarray, "elements 3"],
    shares: Float[np.ndarray, " elements"],
) -> Float[np.ndarray, "points 3"]:
    """Of the elements around each node, each counting by its share.

    Not through the weak form, in which no flux would leave through the surface: fronts meet it at
    any angle and turn there within D / c, less than an element.
    """
    corners, nodes = simplices.elements.ravel(), simplices.nodes

    def gathered(weights):
        return np.bincount(corners, np.repeat(weights, simplices.corners), nodes)

    total = gathered(shares)
    sums = np.stack([gathered(shares * column) for column in values.T], axis=1)
    return sums / np.where(total > 0, total, 1.0)[:, None]
