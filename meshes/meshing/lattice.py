"""Tetrahedral meshes of solids, from a body-centred cubic lattice."""

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.heart import signed_volumes
from twin.meshes.meshing.octree import build_lattice
from twin.meshes.meshing.patches import whole_patches
from twin.meshes.meshing.plan import Plan, near, plan_even, plan_nodes, plan_spacing
from twin.meshes.meshing.quality import scaled_jacobian
from twin.meshes.meshing.relaxation import relax
from twin.meshes.meshing.solid import Solid
from twin.meshes.meshing.space_filling import along_curve
from twin.meshes.meshing.stuffing import stuff, surface_triangles
from twin.meshes.progress import Progress, silent
from twin.meshes.topology import is_folded, label_components
from twin.meshes.volume import NO_FACES, NO_LABELS, Volume

LEAST_QUALITY = 0.1
"""Least scaled Jacobian of a mesh that is given away."""

SHIFTS = (0.0, 0.3, 0.15)
"""Places of the lattice that are tried, in spacings, until that quality is reached."""

LOST = 0.01
"""Share of the volume that may lie in parts apart from the largest."""


def mesh_solid(
    solid: Solid,
    *,
    spacing: float | None = None,
    nodes: int | None = None,
    even: bool = False,
    progress: Progress = silent,
) -> Volume:
    """Tetrahedra that fill the solid, and its boundary with labels where the solid has them.

    `spacing` is the side of the lattice's cubes, mm: edges are 0.87 and 1 times as long. `nodes`
    chooses the spacing that gives about so many nodes. Where a wall is thinner than two short
    edges the lattice is halved, and a remark says so; not so where it is to be `even`.
    """
    progress("lattice", 0.0)
    plan = _plan(solid, spacing, nodes, even)
    points, tetrahedra, surface = _fill_well(solid, plan, progress)
    if nodes and not even and plan.near(nodes) and not near(len(points), nodes):
        plan = plan_nodes(solid, nodes**2 // len(points))
        points, tetrahedra, surface = _fill_well(solid, plan, progress)
    points, tetrahedra, surface = _largest_part(points, tetrahedra, surface)
    points, tetrahedra, surface = along_curve(points, tetrahedra, surface)
    progress("labels", 0.9)
    triangles, labels = _labelled_boundary(solid, points, tetrahedra, surface)
    progress("labels", 1.0)
    return Volume(
        points,
        tetrahedra,
        triangles,
        labels,
        provenance={"spacing": plan.grid.spacing},
        remarks=plan.remarks,
    )


def _plan(solid, spacing, nodes, even):
    if (spacing is None) == (nodes is None):
        raise InputError("mesh_solid: give either the spacing in mm or the number of nodes")
    if even:
        return plan_even(solid, spacing, nodes)
    return plan_nodes(solid, nodes) if spacing is None else plan_spacing(solid, spacing)


def _fill_well(solid, plan, progress):
    """Points and tetrahedra; where the lattice lies badly to the solid, tried at other places."""
    for shift in SHIFTS:
        if shift:
            make = Plan.refined if plan.levels.any() else Plan.uniform
            plan = make(solid, plan.grid.spacing, shift=shift)
        mesh = _fill(solid, plan, progress)
        worst = scaled_jacobian(*mesh[:2]).min()
        if worst >= LEAST_QUALITY and not is_folded(mesh[1]):
            return mesh
    raise InputError(
        f"mesh_solid: with a spacing of {plan.grid.spacing:g} mm some tetrahedra stay flat or "
        f"folded (scaled Jacobian {worst:.3f}, at least {LEAST_QUALITY} is kept to); "
        "choose another spacing, or smooth the surface where it is thin or sharp"
    )


def _fill(solid, plan, progress):
    lattice = build_lattice(solid, plan.grid, plan.cells, plan.levels)
    progress("stuffing", 0.4)
    points, tetrahedra, surface = stuff(lattice, solid.distance)
    progress("relaxation", 0.7)
    return relax(points, tetrahedra, surface, solid), tetrahedra, surface


def _largest_part(points, tetrahedra, surface):
    """The largest connected part; an `InputError` where that is not nearly everything."""
    part = label_components(np.repeat(tetrahedra[:, 0], 3), tetrahedra[:, 1:].ravel(), len(points))[
        tetrahedra[:, 0]
    ]
    if not part.any():
        return points, tetrahedra, surface
    volume = np.bincount(part, signed_volumes(points, tetrahedra))
    kept = part == volume.argmax()
    if volume.max() < (1 - LOST) * volume.sum():
        raise InputError(
            f"mesh_solid: the mesh falls into {len(volume):,} parts and the largest holds "
            f"{volume.max() / volume.sum():.0%} of the volume; choose a smaller spacing, "
            "or mesh the parts one by one"
        )
    used, number = np.unique(tetrahedra[kept], return_inverse=True)
    return points[used], number.reshape(-1, 4), surface[used]


def _labelled_boundary(solid, points, tetrahedra, surface):
    """Boundary triangles and labels; none of either where the solid knows no labels."""
    triangles = surface_triangles(tetrahedra, surface)
    labels = np.asarray(solid.label(points[triangles].mean(axis=1)), np.int8)
    if not labels.any():
        return NO_FACES.copy(), NO_LABELS.copy()
    return triangles, whole_patches(points, triangles, labels)
