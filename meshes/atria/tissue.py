"""Kinds of tissue in a left atrium, and its fibrosis as a random field on the surface."""

from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.linalg import splu

from twin.meshes.atria.coordinates import AtrialCoordinates
from twin.meshes.atria.regions import VEINS, Region
from twin.meshes.fields.surface_elements import SurfaceElements

BACHMANN_HEIGHT = (0.56, 0.74)
"""Of the coordinate `posterior_anterior` in front of the roof."""
BACHMANN_WIDTH = (0.12, 0.92)
"""Of the coordinate `septal_lateral`."""

RANGE = 12.0
"""mm; farther apart two places are nearly independent (correlation 0.14)."""
EDGE = 0.35
"""In standard deviations of the field: how gradually fibrosis begins."""


class TissueClass(IntEnum):
    WORKING = 1
    BACHMANN = 2
    PECTINATE = 3
    SLEEVE = 4
    VESTIBULE = 5


def tissue_classes(
    triangles: Int[np.ndarray, "tris 3"],
    regions: Int[np.ndarray, " tris"],
    coordinates: AtrialCoordinates,
) -> Int[np.ndarray, " tris"]:
    """The class of each triangle: by region, and Bachmann's bundle by the coordinates."""
    classes = np.full(len(triangles), TissueClass.WORKING, np.int8)
    height = coordinates.posterior_anterior[triangles].mean(axis=1)
    width = coordinates.septal_lateral[triangles].mean(axis=1)
    bundle = (height > BACHMANN_HEIGHT[0]) & (height < BACHMANN_HEIGHT[1])
    bundle &= (width > BACHMANN_WIDTH[0]) & (width < BACHMANN_WIDTH[1])
    classes[bundle & (regions == Region.BODY)] = TissueClass.BACHMANN
    classes[regions == Region.APPENDAGE] = TissueClass.PECTINATE
    classes[np.isin(regions, (*VEINS, Region.LEFT_COMMON_TRUNK))] = TissueClass.SLEEVE
    classes[regions == Region.MITRAL_VESTIBULE] = TissueClass.VESTIBULE
    return classes


def random_fibrosis(
    elements: SurfaceElements, burden: float, random: np.random.Generator
) -> Float[np.ndarray, " points"]:
    """Density at each node, 0 to 1; more than 1/2 on the share `burden` of the area."""
    field = random_field(elements, RANGE, random)
    order = np.argsort(-field)
    share = np.cumsum(elements.node_areas[order]) / elements.node_areas.sum()
    threshold = field[order[np.searchsorted(share, burden)]]
    return 1 / (1 + np.exp(-(field - threshold) / EDGE))


def random_field(
    elements: SurfaceElements, reach: float, random: np.random.Generator
) -> Float[np.ndarray, " points"]:
    """A Gaussian field on the surface itself, mean 0 and variance 1 over its area.

    (kappa^2 - laplace) u = white noise, kappa = sqrt(8) / reach: Matern's correlation of
    smoothness 1 (Lindgren et al., J R Stat Soc B 2011;73:423).
    """
    area = elements.node_areas
    operator = elements.stiffness() + sparse.diags_array(8 / reach**2 * area)
    noise = np.sqrt(area) * random.normal(size=len(area))
    field = splu(operator.tocsc()).solve(noise)
    mean = np.average(field, weights=area)
    return (field - mean) / np.sqrt(np.average((field - mean) ** 2, weights=area))
