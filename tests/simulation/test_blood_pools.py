"""Blood pools: closed, even, and holding what the cavity holds, crescents included."""

from pathlib import Path

import numpy as np
import pytest
import pyvista

from twin.benchmarks.small_torso import small_heart
from twin.meshes.checking.surface_faults import check_surface
from twin.meshes.formats import read_surface
from twin.simulation.conductor.blood_pools import Cavity, blood_pools, even_surface

BIVME = Path(__file__).parents[2].parent / "shared" / "data" / "bivme" / "fitted"


def crescent(inner=30.0, outer=44.0, height=50.0):
    """Half a ring, open at its top, its wall facing inwards as an endocardium does."""
    r, angle, z = np.meshgrid(
        np.linspace(inner, outer, 6),
        np.linspace(0, np.pi, 40),
        np.linspace(0, height, 18),
        indexing="ij",
    )
    grid = pyvista.StructuredGrid(r * np.cos(angle), r * np.sin(angle), z)
    surface = grid.extract_surface(algorithm="dataset_surface").triangulate().clean()
    triangles = surface.regular_faces
    points = np.asarray(surface.points, float)
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    outwards = np.einsum("ij,ij->", a, np.cross(b, c)) > 0
    triangles = triangles[:, ::-1] if outwards else triangles
    open_ = (points[triangles][:, :, 2] > height - 1e-3).all(axis=1)
    return points, triangles[~open_], np.pi / 2 * (outer**2 - inner**2) * height


def test_a_crescent_whose_lid_folds():
    points, endocardium, volume = crescent()
    surface = even_surface(Cavity(points, endocardium), spacing=5.0)
    assert not [f for f in check_surface(surface) if f.severity == "error"]
    assert surface.enclosed_volume == pytest.approx(volume, rel=0.02)
    assert surface.points[:, 1].min() > -3


def test_the_pool_of_a_left_ventricle_alone():
    heart = small_heart()
    (pool,) = blood_pools(heart)
    assert not [f for f in check_surface(pool) if f.severity == "error"]
    full = 21.0**2 * 51.0 * np.pi
    cut = 15.0 / 51.0
    volume = full * (2 / 3 + cut - cut**3 / 3)
    assert pool.enclosed_volume == pytest.approx(volume, rel=0.05)
    edges = np.linalg.norm(np.roll(pool.corners, 1, axis=1) - pool.corners, axis=2)
    assert edges.max() < 2 * np.median(edges)


@pytest.mark.skipif(not BIVME.is_dir(), reason="the biv-me example is not at hand")
@pytest.mark.parametrize("ventricle", ["LV", "RV"])
def test_both_openings_of_the_left_and_four_of_the_right_are_closed(ventricle):
    wall = read_surface(BIVME / f"patient1_{ventricle}_ENDOCARDIAL_000.vtk")
    cavity = Cavity(wall.points, wall.triangles[:, ::-1])
    pool = even_surface(cavity, spacing=7.0)
    assert not [f for f in check_surface(pool) if f.severity == "error"]
    assert pool.enclosed_volume == pytest.approx(cavity.surface.enclosed_volume, rel=0.01)
