"""An electrode's field against the series for a sphere in a sphere, off and on the inner one."""

import numpy as np
import pytest

from twin.benchmarks.spheres import (
    dipole_in_infinite_medium,
    electrode_field_in_eccentric_spheres,
    sphere,
)
from twin.meshes.surface import Surface
from twin.simulation.conductor.boundary_elements import Conductor, Interface
from twin.simulation.conductor.surface_charges import surroundings
from twin.simulation.conductor.triangle_integrals import hat_potentials

SKIN, BLOOD = 0.2, 0.6
RADIUS, OFFSET = 25.0, 35.0


def holding_as_much(surface, volume, centre):
    factor = np.cbrt(volume / surface.enclosed_volume)
    return Surface((surface.points - centre) * factor + centre, surface.triangles)


def eccentric_spheres(side):
    """Blood in a body of 100 mm, on the electrode's side of its centre (1) or the other (-1)."""
    skin = holding_as_much(sphere(100.0), 4e6 / 3 * np.pi, np.zeros(3))
    electrode = skin.corners.mean(axis=1)[0]
    axis = electrode / np.linalg.norm(electrode)
    centre = side * OFFSET * axis
    pool = sphere(RADIUS, 2, tuple(centre))
    pool = holding_as_much(pool, 4 / 3 * np.pi * RADIUS**3, centre)
    return Conductor([Interface(skin, SKIN, 0.0), Interface(pool, BLOOD, SKIN)]), electrode, centre


def in_the_series_frame(places, axis):
    across = np.cross(axis, [1.0, 0, 0])
    across /= np.linalg.norm(across)
    return np.stack([places @ across, places @ np.cross(axis, across), places @ axis], 1) / 100


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("depth", "most"), [(0.0, 0.025), (1.0, 0.02), (5.0, 0.01)])
def test_a_blood_sphere_off_the_centre(side, depth, most):
    conductor, electrode, centre = eccentric_spheres(side)
    directions = np.random.default_rng(0).normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    places = centre + (RADIUS + depth) * directions
    found = surroundings(conductor, electrode[None, None], places)[0, 0]
    found = found + 2 / (4 * np.pi * SKIN * np.linalg.norm(places - electrode, axis=1))
    axis = electrode / np.linalg.norm(electrode)
    exact = electrode_field_in_eccentric_spheres(
        in_the_series_frame(places, axis), side * OFFSET / 100, RADIUS / 100, BLOOD, SKIN
    )
    found, exact = found - found.mean(), (exact - exact.mean()) / 100
    assert np.linalg.norm(found - exact) < most * np.linalg.norm(exact)


@pytest.mark.parametrize("place", [[5, 4, 3], [1.2, 0.8, 0.5], [1.3, 0.8, 0.26], [-1, 0, 0]])
def test_hat_potentials_against_quadrature(place):
    corners = np.array([[0, 0, 0], [3, 0, 1], [1, 2.5, 0]], float)
    count = 600
    i, j = (x.ravel() for x in np.indices((count, count)))
    third = np.where(i + j < count - 1, 1 / 3, 2 / 3)
    i, j, third = (x[i + j < count] for x in (i, j, third))
    shares = np.stack(
        [1 - (i + j + 2 * third) / count, (i + third) / count, (j + third) / count], 1
    )
    distances = np.linalg.norm(shares @ corners - np.array(place), axis=1)
    found, area = hat_potentials(np.array([place], np.float32), corners[None].astype(np.float32))
    inside = shares.min(axis=1) > 0
    mean = (shares[inside] / distances[inside, None]).mean(axis=0)
    np.testing.assert_allclose(found[:, 0], mean * area[0], rtol=1e-2)


def test_reciprocity_with_the_forward_problem():
    """The same dipole, by its own potentials on the skin and by the electrodes' fields at it."""
    conductor, electrode, centre = eccentric_spheres(1)
    skin = conductor.interfaces[0].surface
    electrodes = np.array([electrode, *skin.corners[[200, 700]].mean(axis=1)])
    moment, at = np.array([0.3, -0.5, 0.8]), centre + np.array([0, 36.0, 0])
    source = dipole_in_infinite_medium(conductor.points, at, moment)[:, None]
    on_skin = conductor.potentials(source)[skin.triangles[[0, 200, 700]], 0].mean(axis=1)
    sides = at + 0.5 * np.concatenate([np.eye(3), -np.eye(3)])
    own = 2 / (4 * np.pi * SKIN * np.linalg.norm(sides - electrodes[:, None], axis=2))
    fields = surroundings(conductor, electrodes[:, None], sides)[:, 0] + own
    seen = (fields[:, :3] - fields[:, 3:]) @ moment
    np.testing.assert_allclose(seen - seen.mean(), on_skin - on_skin.mean(), rtol=0.03, atol=2e-6)
