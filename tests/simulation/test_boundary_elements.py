"""Boundary elements against series in spheres, and the properties every conductor has."""

import numpy as np
import pytest

from twin.benchmarks.spheres import (
    dipole_in_infinite_medium,
    dipole_in_insulated_sphere,
    sphere,
)
from twin.simulation.conductor.boundary_elements import (
    Conductor,
    Interface,
    double_layer,
)
from twin.simulation.conductor.solid_angles import solid_angles, winding_numbers
from twin.simulation.conductor.triangle_integrals import of_pairs, solid_angle_shares

MOMENT = np.array([0.3, 0.5, 0.8])


def relative_error(conductor, at):
    places = conductor.points
    infinite = dipole_in_infinite_medium(places, at, MOMENT)
    exact = dipole_in_insulated_sphere(places, at, MOMENT) / conductor.interfaces[0].inside
    exact -= exact.mean()
    found = conductor.potentials(infinite[:, None])[:, 0]
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@pytest.fixture(scope="module")
def unit_sphere():
    return Conductor([Interface(sphere(), 0.2, 0.0)])


@pytest.mark.parametrize("eccentricity", [0.0, 0.3, 0.5])
def test_a_dipole_in_an_insulated_sphere(unit_sphere, eccentricity):
    at = eccentricity * np.array([0, 0.6, 0.8])
    assert relative_error(unit_sphere, at) < 0.01


def test_a_central_dipole_is_three_times_the_infinite_medium(unit_sphere):
    infinite = dipole_in_infinite_medium(unit_sphere.points, np.zeros(3), MOMENT)
    found = unit_sphere.potentials(infinite[:, None])[:, 0] * 0.2
    assert found @ infinite / (infinite @ infinite) == pytest.approx(3.0, rel=5e-3)


def test_errors_fall_with_the_square_of_the_edges():
    at = np.array([0, 0.18, 0.24])
    coarse, fine = (
        relative_error(Conductor([Interface(sphere(halvings=k), 1.0, 0.0)]), at) for k in (2, 3)
    )
    assert np.log2(coarse / fine) > 1.7


def test_a_surface_between_equal_conductivities_changes_nothing(unit_sphere):
    inner = Interface(sphere(0.5, 2), 0.2, 0.2)
    both = Conductor([*unit_sphere.interfaces, inner])
    source = dipole_in_infinite_medium(both.points, np.array([0.7, 0, 0]), MOMENT)[:, None]
    skin = len(unit_sphere.points)
    np.testing.assert_allclose(
        both.potentials(source)[:skin], unit_sphere.potentials(source[:skin]), atol=1e-10
    )


def test_constants_need_no_source():
    conductor = Conductor(
        [Interface(sphere(1.0, 2), 0.2, 0.0), Interface(sphere(0.4, 1, (0.2, 0, 0)), 0.6, 0.2)]
    )
    rows = double_layer(conductor).sum(axis=1)
    np.testing.assert_allclose(rows, conductor.means, atol=1e-6)


def test_charges_are_the_transpose_of_potentials(unit_sphere):
    rng = np.random.default_rng(0)
    source, functional = rng.normal(size=(2, len(unit_sphere.points), 1))
    seen = functional[:, 0] @ unit_sphere.potentials(source)[:, 0]
    assert unit_sphere.charges(functional)[:, 0] @ source[:, 0] == pytest.approx(seen)


def in_closed_form(observers, corners):
    face, place = (n.ravel() for n in np.indices((len(corners), len(observers))))
    shares = of_pairs(solid_angle_shares, observers, corners, place, face)
    return shares.reshape(3, len(corners), len(observers))


def test_a_closed_surface_fills_the_sky_from_within_only():
    corners = sphere(1.0, 1).corners
    angles = in_closed_form(np.array([[0.1, 0.2, 0.3], [0, 0, 3.0]]), corners)
    np.testing.assert_allclose(angles.sum(axis=(0, 1)), [4 * np.pi, 0], atol=1e-9)


def test_distant_triangles_are_seen_as_in_the_closed_form():
    """From the surface's own corners, and from all distances in and around it."""
    surface = sphere(100.0, 2)
    scattered = np.random.default_rng(0).normal(size=(600, 3)) * 100
    observers = np.concatenate([surface.points, scattered])
    exact = in_closed_form(observers, surface.corners)
    found = solid_angles(observers, surface.corners)
    assert np.linalg.norm(found - exact) < 1e-5 * np.linalg.norm(exact)


def test_how_often_a_surface_goes_round_a_point():
    corners = sphere(100.0, 2).corners
    points = np.random.default_rng(0).normal(size=(2000, 3)) * 60
    points = points[abs(np.linalg.norm(points, axis=1) - 98) > 3]
    inside = np.linalg.norm(points, axis=1) < 98
    np.testing.assert_allclose(winding_numbers(points, corners), inside, atol=0.03)
