"""Every fault of a closed surface, made on purpose in a sphere."""

import numpy as np
import pytest
import trimesh

from twin.meshes.checking.surface_faults import FAULTS, check_surface
from twin.meshes.surface import Surface


def sphere(radius=40.0, shift=0.0) -> Surface:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    return Surface(np.array(ball.vertices) + np.array([shift, 0, 0]), np.array(ball.faces))


def with_point(row, value):
    points = sphere().points.copy()
    points[row] = value
    return Surface(points, sphere().triangles)


def with_triangle(row, value):
    triangles = sphere().triangles.copy()
    triangles[row] = value
    return Surface(sphere().points, triangles)


def added(triangles=(), points=()):
    whole = sphere()
    return Surface(
        np.vstack([whole.points, *points]), np.vstack([whole.triangles, *triangles]).astype(int)
    )


def together(one, other):
    triangles = np.vstack([one.triangles, other.triangles + len(one.points)])
    return Surface(np.vstack([one.points, other.points]), triangles)


def pinched():
    """Two spheres that share a node."""
    both = together(sphere(), sphere(shift=80.0))
    left, right = sphere().points[:, 0].argmax(), sphere().points[:, 0].argmin() + 642
    return Surface(both.points, np.where(both.triangles == right, left, both.triangles))


FIRST = sphere().triangles[0]
BROKEN = {
    "empty surface": (Surface(np.zeros((0, 3)), np.zeros((0, 3), int)), 1),
    "points not finite": (with_point(7, np.nan), 1),
    "node numbers out of range": (with_triangle((3, 1), 5000), 1),
    "triangles without area": (with_triangle((0, 1), FIRST[0]), 1),
    "duplicate points": (added(points=[sphere().points[4]]), 1),
    "duplicate triangles": (added(triangles=[FIRST]), 1),
    "unreferenced points": (added(points=[[0, 0, 0]]), 1),
    "open edges": (Surface(sphere().points, sphere().triangles[1:]), 3),
    "non-manifold edges": (added([[FIRST[0], FIRST[1], 642]], [[90, 0, 0]]), 1),
    "non-manifold nodes": (pinched(), 1),
    "flipped triangles": (with_triangle(0, FIRST[::-1]), 3),
    "surface inside out": (Surface(sphere().points, sphere().triangles[:, ::-1]), 1),
    "crossing triangles": (together(sphere(), sphere(shift=60.0)), None),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_fault_is_named_and_counted(name):
    surface, count = BROKEN[name]
    finding = {finding.name: finding for finding in check_surface(surface)}[name]
    assert count is None or finding.count == count
    assert finding.meaning
    assert finding.remedy


def test_every_fault_has_a_broken_surface():
    assert set(BROKEN) == {fault.name for fault in FAULTS}


@pytest.mark.parametrize("surface", [sphere(), together(sphere(), sphere(shift=90.0))])
def test_sound_surface_has_no_finding(surface):
    assert check_surface(surface) == []


def test_crossing_lies_where_the_spheres_meet():
    finding = check_surface(BROKEN["crossing triangles"][0])[0]
    assert finding.place[0] == pytest.approx(30, abs=5)
    assert 20 < finding.count < 200


def test_point_pushed_through_the_other_side_crosses():
    points = sphere().points
    surface = with_point(10, -1.3 * points[10])
    assert "crossing triangles" in [finding.name for finding in check_surface(surface)]
