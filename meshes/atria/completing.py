"""From a labelled surface to an atrium: coordinates, fibres, tissue, fibrosis."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.atria.coordinates import find_coordinates, find_potentials
from twin.meshes.atria.fibres import rule_based_fibres
from twin.meshes.atria.openings import find_openings
from twin.meshes.atria.tissue import random_fibrosis, tissue_classes
from twin.meshes.atrium import Atrium
from twin.meshes.fields.surface_elements import SurfaceElements


def complete(
    points: Float[np.ndarray, "points 3"],
    triangles: Int[np.ndarray, "tris 3"],
    regions: Int[np.ndarray, " tris"],
    burden: float,
    random: np.random.Generator,
    provenance: Mapping[str, object],
) -> Atrium:
    """The atrium; `burden` is the share of its area that is fibrotic."""
    elements = SurfaceElements(points, triangles)
    openings = find_openings(triangles, regions)
    coordinates = find_coordinates(elements, regions, openings)
    potentials = find_potentials(elements, regions, openings)
    fibres = rule_based_fibres(elements, regions, coordinates, potentials)
    fibrosis = random_fibrosis(elements, burden, random) if burden else np.zeros(len(points))
    return Atrium(
        points=points,
        triangles=triangles,
        regions=regions,
        coordinates=coordinates,
        endocardial_fibre=fibres.endocardial,
        epicardial_fibre=fibres.epicardial,
        tissue=tissue_classes(triangles, regions, coordinates),
        fibrosis=fibrosis,
        provenance=provenance,
    )
