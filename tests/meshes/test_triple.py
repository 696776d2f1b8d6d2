"""Three surfaces joined to one wall: analytic hemispheres, and a fitted heart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvista

from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary
from twin.meshes.meshing.triple import cavity_volume, join_walls
from twin.meshes.surface import Surface
from twin.meshes.topology import open_edges

FITTED = Path(__file__).parents[2].parent / "shared" / "data" / "bivme" / "fitted"


def bowl(radius, x=0.0):
    """The lower half of a sphere, open at z = 0."""
    sphere = pyvista.Sphere(
        radius=radius,
        theta_resolution=60,
        phi_resolution=60,
        direction=(0, 0, 1),
        start_phi=90,
        end_phi=180,
    ).clean()
    return Surface(sphere.points + np.array([x, 0, 0]), sphere.regular_faces.astype(np.int64))


def ball(radius, x=0.0):
    sphere = pyvista.Icosphere(radius=radius, nsub=3)
    return Surface(sphere.points + np.array([x, 0, 0]), sphere.regular_faces.astype(np.int64))


def half_ball(radius):
    return 2 / 3 * np.pi * radius**3


def test_open_walls_are_closed_by_base():
    wall = join_walls(bowl(50), bowl(18, -22), bowl(15, 20))
    assert wall.enclosed_volume == pytest.approx(
        half_ball(50) - half_ball(18) - half_ball(15), rel=0.01
    )
    assert len(open_edges(wall.triangles)) == 0
    base = wall.labels == Boundary.BASE
    assert np.abs(wall.corners[base][..., 2]).max() < 1e-6
    area = np.linalg.norm(wall.area_vectors[base], axis=1).sum()
    assert area == pytest.approx(np.pi * (50**2 - 18**2 - 15**2), rel=0.01)
    assert (wall.area_vectors[base][:, 2] > 0).all()


def test_left_ventricle_alone():
    wall = join_walls(bowl(40), bowl(30))
    assert wall.enclosed_volume == pytest.approx(half_ball(40) - half_ball(30), rel=0.01)
    assert set(np.unique(wall.labels)) == {
        Boundary.BASE,
        Boundary.EPICARDIUM,
        Boundary.LV_ENDOCARDIUM,
    }


def test_winding_of_the_files_does_not_matter():
    walls = bowl(50), bowl(18, -22), bowl(15, 20)
    turned = [replace(wall, triangles=wall.triangles[:, ::-1]) for wall in walls]
    one, other = join_walls(*walls), join_walls(turned[0], walls[1], turned[2])
    assert one.enclosed_volume == pytest.approx(other.enclosed_volume)


def test_endocardium_faces_its_cavity():
    wall = join_walls(bowl(50), bowl(18, -22), bowl(15, 20))
    left = wall.labels == Boundary.LV_ENDOCARDIUM
    to_centre = np.array([-22, 0, 0]) - wall.corners[left].mean(axis=1)
    assert (np.einsum("nd,nd->n", to_centre, wall.area_vectors[left]) > 0).all()


def test_volume_of_an_open_cavity():
    assert cavity_volume(bowl(30)) == pytest.approx(half_ball(30), rel=0.01)


def test_swapped_surfaces_are_named():
    with pytest.raises(InputError, match="files swapped"):
        join_walls(bowl(18), bowl(50))


def test_openings_that_do_not_match():
    with pytest.raises(InputError, match="open at the same places"):
        join_walls(bowl(50), ball(10))


@pytest.mark.skipif(not FITTED.is_dir(), reason=f"no {FITTED}")
@pytest.mark.parametrize(("frame", "expected"), [("000", 177.93), ("010", 145.50)])
def test_fitted_surfaces_close_one_wall(frame, expected):
    walls = []
    for name in ("EPICARDIAL", "LV_ENDOCARDIAL", "RV_ENDOCARDIAL"):
        mesh = pyvista.read(FITTED / f"patient1_{name}_{frame}.vtk")
        walls.append(Surface(mesh.points.astype(float), mesh.regular_faces.astype(np.int64)))
    wall = join_walls(*walls)
    assert wall.enclosed_volume / 1000 == pytest.approx(expected, abs=0.02)
    assert len(open_edges(wall.triangles)) == 0
    assert set(np.unique(wall.labels)) == set(Boundary)
    volumes = [cavity_volume(part) for part in walls]
    assert volumes[0] - volumes[1] - volumes[2] == pytest.approx(wall.enclosed_volume, rel=1e-6)
