"""A fast endocardium is as thick as it is said to be, whatever the mesh."""

import numpy as np
import pytest

from twin.meshes.errors import InputError
from twin.simulation.tissue import FastEndocardium, Tissue, _share_below


def fast_volume(heart, thickness):
    """Volume of the heart that is fast, mm3, by how much each element gained."""
    slow = Tissue.healthy(heart, 0.5, 0.5, 0.5)
    layer = FastEndocardium(thickness=thickness, dense=1.5, sparse=1.5, top=2.0)
    gain = slow.line(heart, layer).speeds[:, 0] - 0.5
    return (gain * heart.element_volumes).sum()


def test_the_layer_holds_its_thickness_times_the_endocardium(coarse_heart):
    from twin.meshes.heart import Boundary

    walls = coarse_heart.boundary_triangles(Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM)
    a, b, c = np.moveaxis(coarse_heart.points[walls], 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    for thickness in (0.5, 1.0, 2.0):
        assert fast_volume(coarse_heart, thickness) == pytest.approx(area * thickness, rel=0.15)


def test_nothing_becomes_slower(coarse_heart):
    quick = Tissue.healthy(coarse_heart, 2.0, 2.0, 2.0)
    np.testing.assert_array_equal(quick.line(coarse_heart, FastEndocardium()).speeds, quick.speeds)


def test_the_share_of_an_element_that_a_plane_cuts_off():
    corners = np.array([[0, 0, 0, 2.0], [0, 2, 2, 2], [0, 0.5, 0.2, 0.9], [2, 3, 4, 5]])
    exact = [1 - 0.5**3, 0.5**3, 1, 0]
    np.testing.assert_allclose(_share_below(corners, 1.0), exact, atol=0.06)


def test_a_layer_without_thickness_is_refused():
    with pytest.raises(InputError, match="thickness"):
        FastEndocardium(thickness=0.0)
