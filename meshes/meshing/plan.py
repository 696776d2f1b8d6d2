"""How fine a mesh is to be, decided before it is made."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Int

from twin.meshes.errors import InputError
from twin.meshes.meshing.octree import Cells, Grid, find_cells
from twin.meshes.meshing.solid import Solid
from twin.meshes.meshing.thickness import refinement_levels

FEWEST_NODES = 100

ROUGH_CELLS = (24, 48, 96)
"""Cells along the mean side of the box in the first looks at a solid, until one is inside."""

NODES_PER_SURFACE_CELL = 1.1
"""Measured over balls, shells, bowls and hearts."""

CLOSE_ENOUGH = 0.05
"""Relative error of the planned number of nodes at which the search for a spacing ends."""

KEPT = 0.1
"""Relative error of the number of nodes that needs no explanation."""

LOOKS = 8

TOO_THIN = 0.1
"""Share of thin places left too thin at which a spacing counts as too coarse."""


@dataclass(frozen=True)
class Plan:
    """The cells of a lattice and how often each is to be halved.

    `too_thin` is the share of thin places that are left with fewer than two cells all the same.
    """

    grid: Grid
    cells: Cells
    levels: Int[np.ndarray, "x y z"]
    too_thin: float = 0.0
    remarks: tuple[str, ...] = ()

    @staticmethod
    def uniform(solid: Solid, spacing: float, shift: float = 0.0) -> "Plan":
        grid = Grid.around(solid, spacing, shift)
        return Plan(grid, find_cells(solid, grid), np.zeros(grid.shape, np.int8))

    @staticmethod
    def refined(solid: Solid, spacing: float, shift: float = 0.0) -> "Plan":
        """Halved where walls are thin; the lattice moved by a share of its spacing."""
        grid = Grid.around(solid, spacing, shift)
        cells = find_cells(solid, grid)
        return Plan(grid, cells, *refinement_levels(solid, grid, cells))

    @property
    def empty(self) -> bool:
        return not (self.cells.values < 0).any()

    @cached_property
    def _level(self):
        return self.levels[tuple(self.cells.index.T)].astype(int)

    @cached_property
    def inner_nodes(self) -> float:
        """Nodes that the volume asks for, about."""
        return 2 * float((8.0 ** self._level[self.cells.values < 0]).sum())

    @cached_property
    def surface_nodes(self) -> float:
        """Nodes that the boundary asks for besides, about."""
        near = np.abs(self.cells.values) < self.grid.spacing / 2
        return NODES_PER_SURFACE_CELL * float((4.0 ** self._level[near]).sum())

    @property
    def nodes(self) -> float:
        return self.inner_nodes + self.surface_nodes

    def near(self, asked: int) -> bool:
        return near(self.nodes, asked)

    def explained(self, asked: int | None = None) -> "Plan":
        """The plan with remarks on what its user may not expect."""
        level, remarks = self._level[self.cells.values < 0], []
        if level.any():
            remarks.append(
                f"mesh: the spacing of {self.grid.spacing:.2f} mm is reduced to "
                f"{self.grid.spacing / 2 ** level.max():.2f} mm in {(level > 0).mean():.0%} of the "
                "wall, where it is thinner than two cells"
            )
        if self.too_thin > TOO_THIN:
            remarks.append(
                f"mesh: {self.too_thin:.0%} of the thin wall keeps fewer than two cells; "
                "a smaller spacing would mend that"
            )
        if asked and not self.near(asked):
            remarks.append(
                f"mesh: about {self.nodes:,.0f} nodes instead of {asked:,}: "
                "two cells across the thin walls ask for so many"
            )
        return replace(self, remarks=tuple(remarks))


def near(nodes: float, asked: int) -> bool:
    """Whether a number of nodes is what was asked for, about."""
    return abs(nodes / asked - 1) < KEPT


def plan_even(solid: Solid, spacing: float | None, nodes: int | None) -> Plan:
    """The lattice with this spacing, mm, or about so many nodes, halved nowhere."""
    if spacing is None:
        spacing = _unrefined_spacing(solid, _enough(nodes or 0))
    plan = Plan.uniform(solid, _length(spacing))
    return _something(plan, spacing).explained(nodes)


def plan_spacing(solid: Solid, spacing: float) -> Plan:
    """The lattice with this spacing, mm."""
    plan = Plan.refined(solid, _length(spacing))
    return _something(plan, spacing).explained()


def _length(spacing: float) -> float:
    if not (np.isfinite(spacing) and spacing > 0):
        raise InputError(f"mesh_solid: spacing {spacing} mm, expected a positive length")
    return spacing


def _enough(nodes: int) -> int:
    if nodes < FEWEST_NODES:
        raise InputError(f"mesh_solid: {nodes} nodes, expected at least {FEWEST_NODES}")
    return nodes


def _something(plan: Plan, spacing: float) -> Plan:
    if plan.empty:
        raise InputError(
            f"mesh_solid: no node of a lattice with a spacing of {spacing:g} mm lies inside the "
            "solid; choose a smaller spacing, or look whether the solid is empty"
        )
    return plan


def plan_nodes(solid: Solid, nodes: int) -> Plan:
    """The lattice with the finest spacing that makes about so many nodes.

    A coarser lattice can have more nodes, because thin walls halve it. The search therefore goes
    up from the spacing at which nothing is halved, and keeps too many nodes below, too few above.
    """
    spacing = _unrefined_spacing(solid, _enough(nodes))
    below, above, best = 0.0, np.inf, None
    for look in range(LOOKS):
        plan = Plan.refined(solid, spacing)
        coarse = plan.empty or plan.too_thin > TOO_THIN
        excess = plan.nodes / nodes
        if not coarse:
            if best is None or abs(np.log(excess)) < abs(np.log(best.nodes / nodes)):
                best = plan
            if abs(excess - 1) < CLOSE_ENOUGH:
                break
        below, above = (below, spacing) if coarse or excess < 1 else (spacing, above)
        # Halved walls can keep the number of nodes nearly level: go farther with every look.
        spacing = spacing / 1.5 if coarse else spacing * excess ** ((1 + look / 2) / 2.8)
        if not below < spacing < above:
            spacing = np.sqrt(below * above)
    return (best or plan).explained(nodes)


def _unrefined_spacing(solid, nodes):
    """The spacing that gives so many nodes where nothing is halved.

    Nodes are volume / spacing^3 and area / spacing^2, with factors that a coarse lattice tells.
    """
    low, high = solid.bounds
    for cells in ROUGH_CELLS:
        rough = Plan.uniform(solid, float(np.prod(np.subtract(high, low))) ** (1 / 3) / cells)
        if not rough.empty:
            side = rough.grid.spacing
            volume, area = rough.inner_nodes * side**3, rough.surface_nodes * side**2
            return float(max(np.roots([nodes, 0, -area, -volume]).real))
    raise InputError(
        "mesh_solid: no node of a fine lattice lies inside the solid; look whether it is empty"
    )
