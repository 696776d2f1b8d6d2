import numpy as np
import pytest

from twin.benchmarks.heart_coordinates import fibre_error
from twin.meshes.fields.coordinates import compute_coordinates
from twin.meshes.fields.fibres import FibreRule, rule_based_fibres
from twin.meshes.topology import face_neighbours


@pytest.fixture(scope="module")
def left_fibres(left_mesh, left_coordinates):
    return rule_based_fibres(left_mesh.points, left_mesh.tetrahedra, left_coordinates)


def frames(fibres):
    return np.stack([fibres.fibre, fibres.sheet, fibres.normal], axis=2)


@pytest.mark.parametrize("which", ["left_fibres", "thick_heart"])
def test_every_triad_is_orthonormal_and_right_handed(request, which):
    fibres = request.getfixturevalue(which)
    triads = frames(getattr(fibres, "fibres", fibres))
    assert np.allclose(triads.transpose(0, 2, 1) @ triads, np.eye(3), atol=1e-9)
    assert np.allclose(np.linalg.det(triads), 1)


def test_ellipsoid_follows_the_rule(ellipsoid, left_mesh, left_fibres):
    """Within 5 degrees; on the axis itself, where the rule turns on the spot, within 6."""
    error = fibre_error(ellipsoid, left_mesh, left_fibres)
    centres = left_mesh.points[left_mesh.tetrahedra].mean(axis=1)
    assert error.max() < 6
    assert error[np.hypot(*centres[:, :2].T) > 1].max() < 5
    assert error.mean() < 0.5


def test_finer_is_truer(ellipsoid, left_mesh, left_fibres):
    coarse = ellipsoid.volume(layers=3)
    mesh = (coarse.points, coarse.tetrahedra, coarse.triangles, coarse.boundary)
    rough = rule_based_fibres(*mesh[:2], compute_coordinates(*mesh))
    ratio = (
        fibre_error(ellipsoid, coarse, rough).mean()
        / fibre_error(ellipsoid, left_mesh, left_fibres).mean()
    )
    assert np.log(ratio) / np.log(5 / 3) > 0.9


def test_the_sheet_has_its_angle_to_the_wall(ellipsoid, left_mesh, left_fibres):
    centres = left_mesh.points[left_mesh.tetrahedra].mean(axis=1)
    outward = ellipsoid.axes(centres)[:, 2]
    depth = ellipsoid.depth(centres)
    expected = np.cos(np.radians(np.interp(depth, (0, 1), FibreRule().sheet)))
    assert np.abs((left_fibres.sheet * outward).sum(axis=1) - expected).max() < 0.05


def test_another_rule_is_followed(ellipsoid, left_mesh, left_coordinates):
    mesh = left_mesh
    flat = rule_based_fibres(
        mesh.points,
        mesh.tetrahedra,
        left_coordinates,
        FibreRule(left_helix=(0, 0), sheet=(0, 0)),
    )
    axes = ellipsoid.axes(mesh.points[mesh.tetrahedra].mean(axis=1))
    off_axis = np.hypot(*mesh.points[mesh.tetrahedra].mean(axis=1)[:, :2].T) > 3
    assert np.abs((flat.fibre * axes[:, 0]).sum(axis=1))[off_axis].min() > np.cos(np.radians(5))
    assert (flat.sheet * axes[:, 2]).sum(axis=1).min() > np.cos(np.radians(5))


def test_directions_pass_smoothly_between_the_ventricles(thick_heart):
    """From a tetrahedron to the next the fibre turns little, across the insertions too."""
    neighbours = face_neighbours(thick_heart.tetrahedra)
    fibre = thick_heart.fibres.fibre
    one, corner = np.nonzero(neighbours >= 0)
    other = neighbours[one, corner]
    turn = np.degrees(np.arccos(np.minimum(np.abs((fibre[one] * fibre[other]).sum(axis=1)), 1)))
    assert np.median(turn) < 15
    right = thick_heart.coordinates.ventricle[thick_heart.tetrahedra]
    across = (right.min(axis=1) != right.max(axis=1))[one]
    assert np.quantile(turn[across], 0.95) < 50
