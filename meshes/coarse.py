"""The same heart on a coarser mesh, for what does not need a fine one."""

from dataclasses import replace

import numpy as np

from twin.meshes.build import build_heart
from twin.meshes.heart import Heart
from twin.meshes.meshing.distance import SurfaceSolid
from twin.meshes.meshing.lattice import mesh_solid
from twin.meshes.surface import Surface


def coarsened(heart: Heart, nodes: int) -> Heart:
    """Within the same walls, about so many nodes, evenly; its fibres are those of the rule. A heart
    with few nodes is returned as it is."""
    if len(heart.points) <= 1.5 * nodes:
        return heart
    used, triangles = np.unique(heart.triangles, return_inverse=True)
    surface = Surface(
        np.asarray(heart.points[used], float),
        triangles.reshape(heart.triangles.shape),
        heart.boundary,
    )
    volume = mesh_solid(SurfaceSolid(surface), nodes=nodes, even=True)
    coarse = build_heart(volume)
    kept = {k: v for k, v in heart.provenance.items() if k in ("sex", "electrodes")}
    provenance = {**coarse.provenance, **kept, "coarse_copy_of": heart.content}
    return replace(coarse, provenance=provenance)
