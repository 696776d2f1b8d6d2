"""The lattice that all hearts share."""

import numpy as np
import pytest

from twin.inverse.lattice import LATTICE, LEFT, PLACES, Placement, masses_of
from twin.meshes.heart import Heart


@pytest.fixture(scope="module")
def heart(small_cohort) -> Heart:
    return small_cohort[0].heart


@pytest.fixture(scope="module")
def placement(heart) -> Placement:
    return Placement.of(heart)


def test_the_masses_of_the_places_are_the_hearts(heart, placement):
    assert placement.masses.sum() == pytest.approx(heart.element_volumes.sum(), rel=1e-6)
    left = placement.masses[LATTICE.left].sum()
    assert left == pytest.approx(masses_of(heart)[heart.coordinates.ventricle == 0].sum(), rel=1e-6)


def test_a_field_that_is_even_in_a_coordinate_goes_there_and_back(heart, placement):
    depth = heart.coordinates.transmural
    back = placement.spread(placement.gather(depth))
    # Beyond the outermost places the field is held: half a cell of wall.
    assert np.abs(back - depth).mean() < 0.5 / LEFT[2]
    constant = placement.spread(placement.gather(np.full(len(depth), 3.0)))
    np.testing.assert_allclose(constant, 3.0, rtol=1e-5)


def test_rotation_has_no_seam(heart, placement):
    wave = np.cos(2 * np.pi * heart.coordinates.rotational)
    wave[heart.coordinates.ventricle == 1] = 0
    back = placement.spread(placement.gather(wave))
    left = (heart.coordinates.ventricle == 0) & (heart.coordinates.apicobasal > 0.3)
    seam = left & (np.abs(heart.coordinates.rotational % 1) < 0.03)
    assert np.abs(back - wave)[seam].mean() < 0.08


def test_every_place_has_neighbours_and_its_segment():
    edges = LATTICE.edges
    count = np.bincount(edges[1], minlength=PLACES)
    assert count.min() >= 3
    assert set(map(tuple, edges.T)) == set(map(tuple, edges[::-1].T))
    assert set(LATTICE.segments[: np.prod(LEFT)]) == set(range(1, 18))
    assert set(LATTICE.segments[np.prod(LEFT) :]) == {0}


def test_a_heart_without_right_ventricle_has_no_places_there(heart):
    from dataclasses import replace

    coordinates = replace(heart.coordinates, ventricle=np.zeros(len(heart.points), np.int8))
    alone = Placement.of(replace(heart, coordinates=coordinates))
    assert not alone.present[~LATTICE.left].any()
    assert alone.present[LATTICE.left].all()
