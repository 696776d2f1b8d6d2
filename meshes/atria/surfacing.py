"""From an atrium's shape to its surface: triangles, open at the veins and the mitral ring."""

from functools import partial

import numpy as np
from jaxtyping import Int

from twin.meshes.atria.anatomy import Anatomy
from twin.meshes.atria.regions import Region
from twin.meshes.meshing.nets import surface_net
from twin.meshes.meshing.sheet import Sheet

EVEN_BEFORE, EVEN_AFTER = 4, 8
"""Rounds of evening out, before the surface is cut and afterwards."""

NODES_PER_CELL_FACE = 1.32
"""Nodes that the surface has for each square of the lattice's spacing that it measures."""


def surface(anatomy: Anatomy, spacing: float) -> tuple[Sheet, Int[np.ndarray, " tris"]]:
    """The endocardium of an atrium, its lattice `spacing` mm fine, and each triangle's `Region`.

    Cut exactly at the rims and along the borders between regions.
    """
    low, high = anatomy.bounds
    points, triangles = surface_net(anatomy.wall, low, high, spacing)
    sheet = Sheet.of(points, triangles, anatomy.wall).even(EVEN_BEFORE)
    for region in anatomy.parts:
        if region not in (Region.BODY, Region.MITRAL_VESTIBULE):
            sheet = sheet.cut(partial(anatomy.ostium, region))
    wall = np.isin(_regions(anatomy, sheet), (Region.BODY, Region.MITRAL_VESTIBULE))
    sheet = sheet.cut(anatomy.vestibule, wall)
    for region, vessel in anatomy.openings.items():
        own = _regions(anatomy, sheet) == region
        sheet = sheet.cut(vessel.rim, own)
        own = _regions(anatomy, sheet) == region
        sheet = sheet.restricted(~own | (vessel.rim(_centres(sheet).T).value < 0))
    sheet = sheet.even(EVEN_AFTER)
    return sheet, _regions(anatomy, sheet)


def _regions(anatomy: Anatomy, sheet: Sheet) -> Int[np.ndarray, " tris"]:
    return anatomy.regions(_centres(sheet).T)


def _centres(sheet: Sheet) -> np.ndarray:
    return sheet.points[sheet.triangles].mean(axis=1)
