"""Lead fields by finite elements in the whole torso: the reference for the boundary elements.

div(s grad Z) = 0 with unit current entering at the electrode and leaving evenly through the skin
(which no lead sees: its electrodes' currents add up to nothing). A tetrahedron that an interface
cuts conducts like layers of its two sides: arithmetic mean along the interface, harmonic across.
"""

import jax.numpy as jnp
import numpy as np
import pyamg
import pyvista
from jaxtyping import Float, Int
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from twin.meshes.errors import TwinError
from twin.meshes.fields.laplace import LinearElements, unit
from twin.meshes.heart import Heart
from twin.meshes.meshing.distance import SurfaceSolid, closest_weights
from twin.meshes.meshing.octree import Grid, build_lattice, find_cells
from twin.meshes.meshing.stuffing import stuff
from twin.meshes.surface import Surface
from twin.meshes.topology import boundary_triangles, connected_components
from twin.meshes.torso import Torso
from twin.simulation.conductor.boundary_elements import Conductor
from twin.simulation.conductor.surfaces import torso_conductor
from twin.simulation.passage_reference import passed

HALVINGS = 3
"""Of the lattice's cells, from the limbs to the heart."""

HEART_MARGIN, ELECTRODE_MARGIN = 6.0, 20.0
"""mm; how far round the heart cells are smallest, and round electrodes one size larger."""


def finite_element_rest(
    heart: Heart,
    torso: Torso,
    electrodes: Float[np.ndarray, "electrodes 3"],
    finest: float,
) -> tuple[Float[np.ndarray, "electrodes 3 3"], Float[np.ndarray, "electrodes 3 points"]]:
    """Anchors, and Z without the electrodes' own part, the same for all anchors of an electrode."""
    conductor = torso_conductor(heart, torso)
    points, tetrahedra = mesh_torso(torso.skin, heart.points, electrodes, finest)
    elements = LinearElements(points, tetrahedra)
    fields = electrode_fields(elements, conductivity(elements, conductor), electrodes)
    at_heart = interpolate(elements, fields, heart.points)
    skin = conductor.interfaces[0]
    distances = np.linalg.norm(heart.points[None] - electrodes[:, None], axis=2)
    rest = at_heart.T - 2 / (4 * np.pi * skin.inside * distances)
    anchors = electrodes[:, None] + 10 * np.eye(3)
    return anchors, np.repeat(rest[:, None], 3, axis=1)


def mesh_torso(
    skin: Surface,
    fine: Float[np.ndarray, "points 3"],
    electrodes: Float[np.ndarray, "electrodes 3"],
    finest: float,
) -> tuple[Float[np.ndarray, "points 3"], Int[np.ndarray, "tets 4"]]:
    """Tetrahedra within the skin, of cells of `finest` mm around the points that are to be fine."""
    solid = SurfaceSolid(skin)
    grid = Grid.around(solid, finest * 2**HALVINGS)
    middles = grid.positions(np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3) + 0.5)
    levels = np.zeros(len(middles), np.int8)
    half = grid.spacing * np.sqrt(3) / 2
    levels[cKDTree(electrodes).query(middles)[0] < half + ELECTRODE_MARGIN] = HALVINGS - 1
    levels[cKDTree(fine).query(middles)[0] < half + HEART_MARGIN] = HALVINGS
    levels = levels.reshape(grid.shape)
    for _ in range(HALVINGS):
        levels = np.maximum(levels, maximum_filter(levels, 3) - 1)
    lattice = build_lattice(solid, grid, find_cells(solid, grid), levels)
    points, tetrahedra, _ = stuff(lattice, solid.distance)
    tetrahedra = tetrahedra[connected_components(tetrahedra) == 0]
    nodes, number = np.unique(tetrahedra, return_inverse=True)
    return points[nodes], number.reshape(-1, 4)


def conductivity(elements: LinearElements, conductor: Conductor) -> Float[np.ndarray, "tets 3 3"]:
    """Tensor of each tetrahedron, S/m."""
    skin, *within = conductor.interfaces
    tensors = np.zeros((len(elements.volumes), 3, 3)) + skin.inside * np.eye(3)
    for interface in within:
        distance = _distance_at_nodes(elements, interface.surface)
        share = _share_within(distance[elements.tetrahedra])
        tensors[share == 1] = interface.inside * np.eye(3)
        cut = (share > 0) & (share < 1)
        normals = unit(elements.gradient(distance)[cut])
        tensors[cut] = _layered(share[cut], normals, interface)
    return tensors


def _distance_at_nodes(elements, surface):
    """Signed, mm; far outside of the surface's box only its sign is right."""
    solid = SurfaceSolid(surface)
    margin = 3 * np.cbrt(elements.volumes.max())
    low, high = solid.bounds
    near = ((elements.points > low - margin) & (elements.points < high + margin)).all(axis=1)
    distance = np.full(len(elements.points), margin)
    distance[near] = solid.distance(elements.points[near])
    return distance


def _share_within(distances):
    """Share of each tetrahedron where the linear function with these corner values is negative."""
    apart = np.sort(distances, axis=1) + 1e-4 * np.arange(4)
    return np.asarray(passed(jnp.asarray(apart), jnp.zeros(len(apart))))


def _layered(share, normals, interface):
    inside, outside = interface.inside, interface.outside
    along = share * inside + (1 - share) * outside
    across = 1 / (share / inside + (1 - share) / outside)
    outer = normals[:, :, None] * normals[:, None]
    return along[:, None, None] * np.eye(3) + (across - along)[:, None, None] * outer


def electrode_fields(
    elements: LinearElements,
    conductivities: Float[np.ndarray, "tets 3 3"],
    electrodes: Float[np.ndarray, "electrodes 3"],
    tolerance: float = 1e-8,
) -> Float[np.ndarray, "points electrodes"]:
    """Z at the nodes of the mesh, one of them grounded."""
    stiffness = elements.stiffness(conductivities)
    currents = _currents(elements, electrodes)
    free = slice(1, None)
    solver = pyamg.smoothed_aggregation_solver(stiffness[free, free].tocsr(), max_coarse=500)
    fields = np.zeros_like(currents)
    for field, current in zip(fields.T, currents.T, strict=True):
        residuals: list[float] = []
        field[free] = solver.solve(
            current[free], tol=tolerance, accel="cg", maxiter=200, residuals=residuals
        )
        if residuals[-1] > 100 * tolerance * residuals[0]:
            raise TwinError(
                f"the torso's potentials did not converge (residual {residuals[-1]:.1e} of "
                f"{residuals[0]:.1e}): are skin, lungs and blood pools closed and apart?"
            )
    return fields


def _currents(elements, electrodes):
    """Unit currents into the nodes round each electrode, and out evenly through the skin."""
    skin = Surface(elements.points, boundary_triangles(elements.tetrahedra))
    areas = np.linalg.norm(skin.area_vectors, axis=1)
    count = len(elements.points)
    leaving = np.bincount(skin.triangles.ravel(), np.repeat(areas / 3, 3), count)
    currents = np.zeros((count, len(electrodes))) - (leaving / leaving.sum())[:, None]
    for column, place in zip(currents.T, electrodes, strict=True):
        weights = closest_weights(
            np.broadcast_to(place, (len(areas), 3)), *np.moveaxis(skin.corners, 1, 0)
        )
        feet = np.einsum("fk,fkd->fd", weights, skin.corners)
        nearest = np.linalg.norm(feet - place, axis=1).argmin()
        column[skin.triangles[nearest]] += weights[nearest]
    return currents


def interpolate(
    elements: LinearElements,
    fields: Float[np.ndarray, "nodes fields"],
    places: Float[np.ndarray, "places 3"],
) -> Float[np.ndarray, "places fields"]:
    """The linear field at places within the mesh."""
    mesh = pyvista.UnstructuredGrid(
        {pyvista.CellType.TETRA: elements.tetrahedra.astype(np.int64)}, elements.points
    )
    cell = np.asarray(mesh.find_containing_cell(np.asarray(places, np.float64)))
    corners = elements.tetrahedra[cell]
    offset = places - elements.points[corners[:, 0]]
    shares = np.einsum("pkd,pd->pk", elements.gradients[cell], offset)
    shares[:, 0] += 1
    return np.einsum("pk,pkf->pf", shares, fields[corners])
