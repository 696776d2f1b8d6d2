"""Refined surfaces: finer near the places, the same shape, still closed."""

import numpy as np

from twin.benchmarks.spheres import sphere
from twin.meshes.topology import non_manifold_edges, open_edges, wrongly_turned_edges
from twin.simulation.conductor.refinement import refine_near


def test_edges_near_a_place_are_shorter_than_their_way_to_it():
    coarse = sphere(100.0, 2)
    place = np.array([[0.0, 0.0, 95.0]])
    fine = refine_near(coarse, place, shortest=10.0)
    assert np.isclose(fine.area, coarse.area)
    assert np.isclose(fine.enclosed_volume, coarse.enclosed_volume)
    for faults in (open_edges, non_manifold_edges, wrongly_turned_edges):
        assert len(faults(fine.triangles)) == 0
    ends = np.stack([fine.corners, np.roll(fine.corners, -1, axis=1)], axis=2)
    lengths = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2)
    distances = np.linalg.norm(ends.mean(axis=2) - place, axis=2)
    assert (lengths <= np.maximum(10.0, distances) + 1e-9).all()
    assert lengths.max() > 30


def test_what_is_far_stays_as_it_is():
    ball = sphere(10.0, 2)
    assert refine_near(ball, np.array([[0, 0, 500.0]]), shortest=1.0) is ball
