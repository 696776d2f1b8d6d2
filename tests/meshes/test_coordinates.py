"""Coordinates against closed forms, and walked over whole hearts."""

from pathlib import Path

import numpy as np
import pytest
import pyvista
from scipy.spatial.transform import Rotation

from twin.benchmarks.ellipsoid import ConfocalShell
from twin.benchmarks.heart_coordinates import coordinate_error
from twin.meshes.build import build_heart
from twin.meshes.errors import InputError
from twin.meshes.fields.coordinates import compute_coordinates
from twin.meshes.heart import Boundary
from twin.meshes.meshing.lattice import mesh_solid
from twin.meshes.volume import Volume

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def solve(mesh):
    return compute_coordinates(mesh.points, mesh.tetrahedra, mesh.triangles, mesh.boundary)


def edges_within(coordinates, tetrahedra):
    """Directed edges between nodes of the same ventricle."""
    pairs = tetrahedra[:, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]].reshape(-1, 2)
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    return pairs[coordinates.ventricle[pairs[:, 0]] == coordinates.ventricle[pairs[:, 1]]]


def difference(values, edges, period=None):
    """How much the values rise along each edge; the short way around where they are periodic."""
    rise = values[edges[:, 1]] - values[edges[:, 0]]
    return rise if period is None else (rise + period / 2) % period - period / 2


def dead_ends(rise, edges, count):
    """Nodes from which no edge leads up."""
    highest = np.full(count, -np.inf)
    np.maximum.at(highest, edges[:, 0], rise)
    return highest <= 0


def test_ellipsoid_within_three_hundredths_everywhere(ellipsoid, left_mesh, left_coordinates):
    assert coordinate_error(ellipsoid, left_mesh, left_coordinates).max() < 0.03


def test_ellipsoid_base_and_apex_are_exact(ellipsoid, left_mesh, left_coordinates):
    at_base = np.abs(left_mesh.points[:, 2] - ellipsoid.base) < 1e-9
    assert (left_coordinates.apicobasal[at_base] == 1).all()
    error = coordinate_error(ellipsoid, left_mesh, left_coordinates)
    assert error[at_base].max() < 0.01
    assert error[np.hypot(*left_mesh.points[:, :2].T) < 3].max() < 0.01


def test_ellipsoid_rotation_is_the_angle(left_mesh, left_coordinates):
    """Right-handed about the axis downwards, the septum's middle (5/6) at the patient's right."""
    x, y, _ = left_mesh.points.T
    expected = (5 / 6 - (np.arctan2(y, x) - np.pi) / (2 * np.pi)) % 1
    error = np.abs((left_coordinates.rotational - expected + 0.5) % 1 - 0.5)
    assert error[np.hypot(x, y) > 1].max() < 0.002


def test_own_mesh_with_cut_corners_stays_close(ellipsoid):
    mesh = mesh_solid(ellipsoid, spacing=2.5)
    error = coordinate_error(ellipsoid, mesh, solve(mesh))
    assert (error < 0.03).mean() > 0.995
    assert error.max() < 0.1


def test_confocal_shell_converges():
    """Trajectories and their lengths are known: the error must vanish with the mesh size."""
    shell = ConfocalShell()
    errors = []
    for layers in (2, 4):
        mesh = shell.volume(layers)
        found = solve(mesh)
        pairs = (
            (found.transmural, shell.transmural(mesh.points)),
            (found.apicobasal, shell.apicobasal(mesh.points)),
        )
        errors.append([np.sqrt(np.mean((one - other) ** 2)) for one, other in pairs])
    assert (np.log2(np.divide(*errors)) > 0.9).all()
    assert max(errors[1]) < 0.002


def test_layers_and_meridians_are_walked_upwards(left_mesh, left_coordinates):
    depth = left_coordinates.transmural.reshape(6, -1)
    assert (np.diff(depth, axis=0) > 0).all()
    assert (depth[0] == 0).all()
    assert (depth[-1] == 1).all()
    meridian = (np.abs(left_mesh.points[:, 1]) < 1e-9) & (left_mesh.points[:, 0] > -1e-9)
    for layer in range(6):
        nodes = np.flatnonzero(meridian[layer * depth.shape[1] :][: depth.shape[1]])
        points = left_mesh.points[layer * depth.shape[1] + nodes]
        heights = left_coordinates.apicobasal[layer * depth.shape[1] + nodes]
        heights = heights[np.argsort(points[:, 2])]
        assert (np.diff(heights) > 0).all()
        assert heights[0] < 0.01
        assert heights[-1] == 1


@pytest.mark.parametrize("ventricle", [0, 1])
@pytest.mark.parametrize("name", ["apicobasal", "transmural"])
def test_every_way_leads_up_and_down(thick_heart, name, ventricle):
    """From each node an edge leads up until 1, another down until 0, and no value is left out."""
    coordinates = thick_heart.coordinates
    values = getattr(coordinates, name)
    own = coordinates.ventricle == ventricle
    edges = edges_within(coordinates, thick_heart.tetrahedra)
    rise = difference(values, edges)
    stuck = dead_ends(rise, edges, len(values)) & (values < 1 - 1e-6)
    stuck |= dead_ends(-rise, edges, len(values)) & (values > 0.02)
    assert (stuck & own).sum() <= 0.001 * own.sum()
    assert values[own].min() < 0.01
    assert values[own].max() == 1
    assert (np.histogram(values[own], 20, (0, 1))[0] > 0).all()


@pytest.mark.parametrize("ventricle", [0, 1])
def test_every_way_leads_around(thick_heart, ventricle):
    """Left once around without an end; right from 2/3 to 1, ending at the border only."""
    coordinates = thick_heart.coordinates
    rotational = coordinates.rotational
    own = (coordinates.ventricle == ventricle) & (coordinates.apicobasal > 0.1)
    edges = edges_within(coordinates, thick_heart.tetrahedra)
    rise = difference(rotational, edges, period=1)
    up, down = (dead_ends(sign * rise, edges, len(rotational)) & own for sign in (1, -1))
    if ventricle == 0:
        assert (up | down).sum() <= 0.002 * own.sum()
        assert (np.histogram(rotational[own], 24, (0, 1))[0] > 0).all()
    else:
        assert rotational[up].min() > 0.97
        assert rotational[down].max() < 2 / 3 + 0.03
        assert rotational[own].min() >= 2 / 3
        assert (np.histogram(rotational[own], 8, (2 / 3, 1))[0] > 0).all()


def test_nothing_jumps(thick_heart):
    coordinates = thick_heart.coordinates
    edges = edges_within(coordinates, thick_heart.tetrahedra)
    length = np.linalg.norm(np.diff(thick_heart.points[edges], axis=1)[:, 0], axis=1)
    assert (np.abs(difference(coordinates.apicobasal, edges)) / length).max() < 0.06
    assert (np.abs(difference(coordinates.transmural, edges)) / length).max() < 0.5
    high = (coordinates.apicobasal[edges] > 0.3).all(axis=1)
    turn = np.abs(difference(coordinates.rotational, edges, period=1)) / length
    assert turn[high].max() < 0.05


def test_septum_is_left_up_to_the_valves(thick_heart):
    """Between the cavities, at the base too: left, 1 on the right side, in the septal segments."""
    coordinates = thick_heart.coordinates
    faces_right = thick_heart.boundary_nodes(Boundary.RV_ENDOCARDIUM)
    septal = faces_right[coordinates.ventricle[faces_right] == 0]
    assert (coordinates.transmural[septal] == 1).mean() > 0.95
    top = septal[coordinates.apicobasal[septal] > 0.9]
    assert len(top) > 20
    assert np.isin(thick_heart.segments[top], [2, 3]).mean() > 0.9
    assert {2, 3} <= set(thick_heart.segments[top])


def test_a_turned_heart_has_the_same_coordinates(thick_mesh, thick_heart):
    pose = Rotation.random(random_state=5)
    turned = solve(
        Volume(
            pose.apply(thick_mesh.points) + 20.0,
            thick_mesh.tetrahedra,
            thick_mesh.triangles,
            thick_mesh.boundary,
        )
    )
    was = thick_heart.coordinates
    assert (turned.ventricle == was.ventricle).mean() > 0.999
    same = turned.ventricle == was.ventricle
    assert np.abs(turned.transmural - was.transmural)[same].max() < 0.02
    assert np.abs(turned.apicobasal - was.apicobasal)[same].max() < 0.02


def test_missing_labels_are_named(left_mesh):
    labels = np.where(left_mesh.boundary == Boundary.BASE, 0, left_mesh.boundary)
    with pytest.raises(InputError, match="labelled BASE"):
        compute_coordinates(left_mesh.points, left_mesh.tetrahedra, left_mesh.triangles, labels)


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside the repository")
def test_crtdemo_has_a_right_ventricle_and_all_segments():
    mesh = pyvista.read(DATA / "crtdemo" / "crtdemo_mesh_oriented.vtk")
    tetrahedra = mesh.cells_dict[pyvista.CellType.TETRA]
    heart = build_heart(Volume(np.asarray(mesh.points, float), tetrahedra))
    assert set(np.unique(heart.segments)) == set(range(18))
    assert 0.2 < (heart.coordinates.ventricle == 1).mean() < 0.6
