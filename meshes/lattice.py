"""Tetrahedral meshes of solids, from a body-centred cubic lattice."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from twin.meshes.errors import InputError
from twin.meshes.heart import signed_volumes
from twin.meshes.octree import Cells, Grid, build_lattice, find_cells
from twin.meshes.patches import whole_patches
from twin.meshes.progress import Progress, silent
from twin.meshes.quality import scaled_jacobian
from twin.meshes.relaxation import relax
from twin.meshes.solid import Solid
from twin.meshes.space_filling import along_curve
from twin.meshes.stuffing import stuff, surface_triangles
from twin.meshes.thickness import refinement_levels
from twin.meshes.topology import label_components
from twin.meshes.volume import NO_FACES, NO_LABELS, Volume

LEAST_QUALITY = 0.1
"""Least scaled Jacobian of a mesh that is given away."""

FEWEST_NODES = 100

ROUGH_CELLS = 24
"""Cells along the mean side of the box in the first, rough look at a solid."""

NODES_PER_SURFACE_CELL = 1.1
"""Measured over balls, shells, bowls and hearts."""

CLOSE_ENOUGH = 0.03
"""Relative error of the planned number of nodes at which the search for a spacing ends."""

LOOKS = 8

LOST = 0.01
"""Share of the volume that may lie in parts apart from the largest."""


def mesh_solid(
    solid: Solid,
    *,
    spacing: float | None = None,
    nodes: int | None = None,
    progress: Progress = silent,
) -> Volume:
    """Tetrahedra that fill the solid, and its boundary with labels where the solid has them.

    `spacing` is the side of the lattice's cubes, mm: edges are 0.87 and 1 times as long. `nodes`
    chooses the spacing that gives about so many nodes. Where a wall is thinner than two short
    edges the lattice is halved, and a remark says so.
    """
    progress("lattice", 0.0)
    plan = _plan_for(solid, spacing, nodes)
    points, tetrahedra, surface = _fill(solid, plan, progress)
    if scaled_jacobian(points, tetrahedra).min() < LEAST_QUALITY and plan.levels.any():
        plan = plan.everywhere()
        points, tetrahedra, surface = _fill(solid, plan, progress)
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


@dataclass(frozen=True)
class _Plan:
    """A lattice that is not made yet: its cells and how often each is halved."""

    grid: Grid
    cells: Cells
    levels: Int[np.ndarray, "x y z"]

    @staticmethod
    def of(solid: Solid, spacing: float, refined: bool = True) -> "_Plan":
        grid = Grid.around(solid, spacing)
        cells = find_cells(solid, grid)
        if not (cells.values < 0).any():
            raise InputError(
                f"mesh_solid: no node of a lattice with a spacing of {spacing:g} mm lies inside "
                "the solid; choose a smaller spacing, or look whether the solid is empty"
            )
        levels = np.zeros(grid.shape, np.int8)
        return _Plan(grid, cells, refinement_levels(solid, grid, cells) if refined else levels)

    def everywhere(self) -> "_Plan":
        """The same lattice as fine everywhere as anywhere."""
        return _Plan(self.grid, self.cells, np.full_like(self.levels, self.levels.max()))

    @property
    def _level(self):
        return self.levels[tuple(self.cells.index.T)].astype(int)

    @property
    def inner_nodes(self) -> float:
        """Nodes that the volume asks for, about."""
        return 2 * float((8.0 ** self._level[self.cells.values < 0]).sum())

    @property
    def surface_nodes(self) -> float:
        """Nodes that the boundary asks for besides, about."""
        near = np.abs(self.cells.values) < self.grid.spacing / 2
        return NODES_PER_SURFACE_CELL * float((4.0 ** self._level[near]).sum())

    @property
    def nodes(self) -> float:
        return self.inner_nodes + self.surface_nodes

    @property
    def remarks(self) -> tuple[str, ...]:
        level = self._level[self.cells.values < 0]
        if not level.any():
            return ()
        smallest = self.grid.spacing / 2 ** level.max()
        return (
            f"mesh: the spacing of {self.grid.spacing:.2f} mm is reduced to {smallest:.2f} mm "
            f"in {(level > 0).mean():.0%} of the wall, where it is thinner than two cells",
        )


def _plan_for(solid, spacing, nodes):
    if (spacing is None) == (nodes is None):
        raise InputError("mesh_solid: give either the spacing in mm or the number of nodes")
    if spacing is not None:
        if not (np.isfinite(spacing) and spacing > 0):
            raise InputError(f"mesh_solid: spacing {spacing} mm, expected a positive length")
        return _Plan.of(solid, spacing)
    if nodes < FEWEST_NODES:
        raise InputError(f"mesh_solid: {nodes} nodes, expected at least {FEWEST_NODES}")
    return _search(solid, nodes)


def _search(solid, nodes):
    """The plan with the finest spacing that makes about so many nodes.

    A coarser lattice can have more nodes, because thin walls halve it. The search therefore goes
    up from the spacing at which nothing is halved, and keeps too many nodes below, too few above.
    """
    low, high = solid.bounds
    rough = _Plan.of(solid, float(np.prod(np.subtract(high, low))) ** (1 / 3) / ROUGH_CELLS, False)
    side = rough.grid.spacing
    inner, outer = rough.inner_nodes * side**3, rough.surface_nodes * side**2
    spacing = max(np.roots([nodes, 0, -outer, -inner]).real)
    below, above, best = 0.0, np.inf, None
    for _ in range(LOOKS):
        plan = _Plan.of(solid, spacing)
        excess = plan.nodes / nodes
        if best is None or abs(np.log(excess)) < abs(np.log(best.nodes / nodes)):
            best = plan
        if abs(excess - 1) < CLOSE_ENOUGH:
            break
        below, above = (spacing, above) if excess > 1 else (below, spacing)
        spacing = spacing * excess ** (1 / 2.8)
        if not below < spacing < above:
            spacing = np.sqrt(below * above)
    return best


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
