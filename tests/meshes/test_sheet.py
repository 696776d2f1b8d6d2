"""Surface nets, exact cuts and evening out, on shapes in closed form."""

import numpy as np
import pytest

from twin.meshes import topology
from twin.meshes.anatomy.implicit import Egg, HalfSpace
from twin.meshes.atria.openings import circumference, total_curvature
from twin.meshes.meshing.nets import surface_net
from twin.meshes.meshing.sheet import Sheet, rims
from twin.meshes.surface import Surface

RADIUS, SPACING = 10.0, 1.3
BALL = Egg(np.zeros(3), np.eye(3) / RADIUS)
PLANE = HalfSpace(np.array([0.6, 0.0, 0.8]), 6.0)


@pytest.fixture(scope="module")
def ball():
    box = np.full(3, 12.0)
    return Sheet.of(*surface_net(BALL, -box, box, SPACING), BALL).even(3)


def quality(sheet):
    """4 sqrt(3) area / sum of squared edges: 1 for an equilateral triangle."""
    corners = sheet.points[sheet.triangles]
    edges = ((corners - np.roll(corners, 1, axis=1)) ** 2).sum(axis=(1, 2))
    area = np.linalg.norm(Surface(sheet.points, sheet.triangles).area_vectors, axis=1)
    return 4 * np.sqrt(3) * area / edges


def test_a_net_closes_and_faces_outwards(ball):
    surface = Surface(ball.points, ball.triangles)
    for find in (topology.open_edges, topology.non_manifold_edges, topology.wrongly_turned_edges):
        assert len(find(ball.triangles)) == 0
    assert surface.enclosed_volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.02)
    assert surface.area == pytest.approx(4 * np.pi * RADIUS**2, rel=0.01)


def test_its_nodes_are_on_the_surface_and_its_triangles_even(ball):
    assert np.linalg.norm(ball.points, axis=1) == pytest.approx(RADIUS, abs=1e-6)
    assert quality(ball).min() > 0.5


def test_a_cut_is_exact(ball):
    cut = ball.cut(PLANE)
    values = PLANE(cut.points.T).value
    on = cut.curve == 0
    assert np.abs(values[on]).max() < 1e-6
    sides = np.sign(np.where(on, 0, values))[cut.triangles]
    assert not ((sides.min(axis=1) < 0) & (sides.max(axis=1) > 0)).any()
    assert len(topology.open_edges(cut.triangles)) == 0
    assert quality(cut).min() > 0.2


def test_what_is_cut_off_leaves_a_smooth_rim(ball):
    cut = ball.cut(PLANE)
    low = PLANE(cut.points[cut.triangles].mean(axis=1).T).value < 0
    open_ball = cut.restricted(low).even(5)
    (rim,) = rims(open_ball.triangles)
    loop = open_ball.points[rim]
    assert np.abs(PLANE(loop.T).value).max() < 1e-6
    assert circumference(loop) == pytest.approx(2 * np.pi * 8.0, rel=0.005)
    assert total_curvature(loop) == pytest.approx(1.0, abs=1e-6)
    assert len(topology.non_manifold_edges(open_ball.triangles)) == 0
    assert quality(open_ball).min() > 0.5


def test_two_curves_meet_in_corners_that_stay(ball):
    other = HalfSpace(np.array([0.0, 1.0, 0.0]), 2.0)
    cut = ball.cut(PLANE).cut(other)
    even = cut.even(3)
    assert (cut.curve == -2).sum() == 2
    for plane, number in ((PLANE, 0), (other, 1)):
        assert np.abs(plane(even.points[even.curve == number].T).value).max() < 1e-6
    assert len(topology.non_manifold_edges(even.triangles)) == 0


def test_a_jagged_rim_is_told_by_its_turns():
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = 10 + 0.7 * (-1.0) ** np.arange(40)
    loop = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1)
    assert total_curvature(loop) > 2
