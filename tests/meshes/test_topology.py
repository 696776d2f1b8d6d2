"""Topology against meshes whose connectivity is known by construction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.meshes import topology
from twin.meshes.topology import is_folded

TETRAHEDRON = np.array([[0, 1, 2, 3]])
TWO_BY_FACE = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
TWO_BY_EDGE = np.array([[0, 1, 2, 3], [0, 1, 4, 5]])
TWO_BY_NODE = np.array([[0, 1, 2, 3], [0, 4, 5, 6]])
TETRAHEDRON_SURFACE = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])


def test_boundary_of_a_tetrahedron_faces_outwards():
    points = np.vstack([np.zeros(3), np.eye(3)])
    triangles = topology.boundary_triangles(TETRAHEDRON)
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    outwards = (a + b + c) / 3 - points.mean(axis=0)
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), outwards) > 0).all()
    assert len(triangles) == 4


def test_shared_face_is_no_boundary():
    triangles = topology.boundary_triangles(TWO_BY_FACE)
    assert len(triangles) == 6
    assert [1, 2, 3] not in np.sort(triangles, axis=1).tolist()


def test_face_neighbours_lie_across_the_opposite_corner():
    neighbours = topology.face_neighbours(TWO_BY_FACE)
    assert neighbours.tolist() == [[1, -1, -1, -1], [-1, -1, -1, 0]]


def test_boundary_is_where_there_is_no_neighbour():
    tetrahedra = _cube_of_tetrahedra(3)
    count = (topology.face_neighbours(tetrahedra) < 0).sum()
    assert count == len(topology.boundary_triangles(tetrahedra)) == 6 * 9 * 2


@pytest.mark.parametrize(
    ("tetrahedra", "count"), [(TWO_BY_FACE, 1), (TWO_BY_EDGE, 2), (TWO_BY_NODE, 2)]
)
def test_tetrahedra_connect_through_faces_only(tetrahedra, count):
    assert topology.connected_components(tetrahedra).max() + 1 == count


def test_components_are_numbered_from_the_largest():
    cube = _cube_of_tetrahedra(2)
    labels = topology.connected_components(np.vstack([TETRAHEDRON, cube + 4]))
    assert labels[0] == 1
    assert (labels[1:] == 0).all()


def test_closed_surface_is_manifold():
    surface = topology.boundary_triangles(_cube_of_tetrahedra(3))
    assert len(topology.open_edges(surface)) == 0
    assert len(topology.non_manifold_edges(surface)) == 0
    assert len(topology.non_manifold_nodes(surface)) == 0
    assert len(topology.wrongly_turned_edges(surface)) == 0
    assert topology.surface_components(surface).max() == 0


def test_edge_of_four_triangles():
    surface = topology.boundary_triangles(TWO_BY_EDGE)
    assert topology.non_manifold_edges(surface).tolist() == [[0, 1]]


def test_node_of_two_fans():
    surface = topology.boundary_triangles(TWO_BY_NODE)
    assert topology.non_manifold_nodes(surface).tolist() == [0]
    assert topology.surface_components(surface).max() + 1 == 2


def test_hole_opens_its_edges():
    assert len(topology.open_edges(TETRAHEDRON_SURFACE[1:])) == 3
    assert len(topology.non_manifold_nodes(TETRAHEDRON_SURFACE[1:])) == 0


@pytest.mark.parametrize("flipped", range(4))
def test_flipped_triangle_is_seen_and_its_fans_stay_whole(flipped):
    triangles = TETRAHEDRON_SURFACE.copy()
    triangles[flipped] = triangles[flipped, ::-1]
    assert len(topology.wrongly_turned_edges(triangles)) == 3
    assert len(topology.non_manifold_nodes(triangles)) == 0


def test_repeated_rows_in_any_order():
    rows = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [3, 2, 0, 1]])
    assert topology.repeated_rows(rows).tolist() == [False, False, True]


@given(
    st.lists(st.tuples(*[st.integers(0, 2**31 - 1)] * 4), min_size=1, max_size=30),
    st.integers(1, 4),
)
def test_row_keys_are_equal_exactly_where_rows_are(rows, columns):
    rows = np.array(rows)[:, :columns]
    keys = topology.row_keys(rows)
    equal = (rows[:, None] == rows[None]).all(axis=2)
    assert np.array_equal(keys[:, None] == keys[None], equal)


@pytest.mark.parametrize("function", ["boundary_triangles", "connected_components"])
def test_nothing_gives_nothing(function):
    assert len(getattr(topology, function)(np.zeros((0, 4), int))) == 0


def _cube_of_tetrahedra(cells):
    """A cube of `cells`^3 cubes of six tetrahedra around their diagonal."""
    number = np.arange((cells + 1) ** 3).reshape([cells + 1] * 3)
    corners = np.indices([cells] * 3).reshape(3, -1).T
    paths = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]]
    tetrahedra = []
    for turn, path in enumerate(paths):
        steps = np.cumsum(np.vstack([np.zeros(3, int), np.eye(3, dtype=int)[path]]), axis=0)
        nodes = [number[tuple((corners + step).T)] for step in steps]
        tetrahedra.append(np.column_stack(nodes)[:, [0, 1, 3, 2] if turn > 2 else [0, 1, 2, 3]])
    return np.vstack(tetrahedra)


def test_a_mesh_is_folded_where_two_tetrahedra_lie_on_one_side_of_a_face():
    assert not is_folded(np.array([[0, 1, 2, 3], [0, 2, 1, 4]]))
    assert is_folded(np.array([[0, 1, 2, 3], [0, 1, 2, 4]]))
    assert is_folded(np.array([[0, 1, 2, 3], [1, 2, 0, 4]]))
