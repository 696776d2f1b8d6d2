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
    solid_angles,
)

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
    np.testing.assert_allclose(rows, conductor.means, atol=1e-12)


def test_charges_are_the_transpose_of_potentials(unit_sphere):
    rng = np.random.default_rng(0)
    source, functional = rng.normal(size=(2, len(unit_sphere.points), 1))
    seen = functional[:, 0] @ unit_sphere.potentials(source)[:, 0]
    assert unit_sphere.charges(functional)[:, 0] @ source[:, 0] == pytest.approx(seen)


def test_a_closed_surface_fills_the_sky_from_within_only():
    corners = sphere(1.0, 1).corners
    angles = solid_angles(np.array([[0.1, 0.2, 0.3], [0, 0, 3.0]]), corners)
    np.testing.assert_allclose(angles.sum(axis=(0, 1)), [4 * np.pi, 0], atol=1e-9)
