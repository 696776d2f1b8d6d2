"""The signed distance of closed surfaces: exact, rightly signed, robust to how they come."""

from pathlib import Path

import numpy as np
import pytest
import pyvista
from scipy.spatial import ConvexHull

from twin.benchmarks.solids import Cup
from twin.meshes.errors import InputError
from twin.meshes.heart import signed_volumes
from twin.meshes.meshing.distance import SurfaceSolid, close, closest_weights
from twin.meshes.meshing.lattice import mesh_solid
from twin.meshes.meshing.quality import scaled_jacobian
from twin.meshes.surface import Surface

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def surface_of(mesh, labels=None):
    mesh = mesh.triangulate()
    return Surface(np.asarray(mesh.points, np.float64), mesh.regular_faces, labels)


def box(x, y, z):
    return surface_of(pyvista.Box((0, x, 0, y, 0, z)))


def to_box(points, size):
    outside = np.abs(points - np.divide(size, 2)) - np.divide(size, 2)
    return np.linalg.norm(np.maximum(outside, 0), axis=1) + np.minimum(outside.max(axis=1), 0)


def read_pieces(case):
    """The three surfaces as they are: rims doubled, endocardia facing their own outside."""
    names = ("EPICARDIAL", "LV_ENDOCARDIAL", "RV_ENDOCARDIAL")
    pieces = [pyvista.read(DATA / "bivme/fitted" / f"patient1_{name}_{case}.vtk") for name in names]
    first = np.cumsum([0] + [piece.n_points for piece in pieces])
    return Surface(
        np.concatenate([np.asarray(piece.points, np.float64) for piece in pieces]),
        np.concatenate([p.regular_faces + i for p, i in zip(pieces, first, strict=False)]),
    )


@pytest.mark.parametrize("size", [(10, 10, 10), (40, 25, 1.5), (60, 2, 1)])
def test_boxes_are_exact_at_faces_edges_and_corners(size):
    """The thin ones have two triangles a side: long, and close to their opposites."""
    points = np.random.default_rng(1).uniform(-3, np.add(size, 3), (5_000, 3))
    found = SurfaceSolid(box(*size)).distance(points)
    np.testing.assert_allclose(found, to_box(points, size), atol=1e-9)


def test_a_fine_sphere_is_nearly_round():
    solid = SurfaceSolid(surface_of(pyvista.Icosphere(20, nsub=5)))
    points = np.random.default_rng(2).uniform(-25, 25, (5_000, 3))
    np.testing.assert_allclose(
        solid.distance(points), np.linalg.norm(points, axis=1) - 20, atol=0.02
    )


def test_distance_is_that_to_the_nearest_of_all_triangles():
    """A hull of few points on an egg: triangles of all sizes and shapes."""
    generator = np.random.default_rng(3)
    points = generator.standard_normal((300, 3))
    points *= [20, 30, 60] / np.linalg.norm(points, axis=1, keepdims=True)
    solid = SurfaceSolid(Surface(points, ConvexHull(points).simplices))
    points = points + generator.normal(0, 2, points.shape)
    corners = solid.surface.corners
    every = []
    for point in points:
        repeated = np.broadcast_to(point, (len(corners), 3))
        weights = closest_weights(repeated, *np.moveaxis(corners, 1, 0))
        closest = np.einsum("nk,nkd->nd", weights, corners)
        every.append(np.linalg.norm(closest - point, axis=1).min())
    np.testing.assert_allclose(np.abs(solid.distance(points)), every, atol=1e-12)


def test_pieces_that_share_a_rim_are_merged_and_turned():
    whole = surface_of(pyvista.Icosphere(20, nsub=4))
    above = whole.corners[:, :, 2].mean(axis=1) > 3
    points = np.concatenate([whole.points, whole.points])
    lower = whole.triangles[~above][:, ::-1] + len(whole.points)
    labels = np.repeat([3, 2], [above.sum(), (~above).sum()])
    joined = close(Surface(points, np.concatenate([whole.triangles[above], lower]), labels))
    assert len(joined.points) == len(whole.points)
    assert joined.enclosed_volume == pytest.approx(whole.enclosed_volume)
    height = joined.corners[:, :, 2].mean(axis=1)
    np.testing.assert_array_equal(joined.labels, np.where(height > 3, 3, 2))
    inside_out = close(Surface(whole.points, whole.triangles[:, ::-1]))
    assert inside_out.enclosed_volume == pytest.approx(whole.enclosed_volume)


def test_a_cavity_is_outside():
    outer = surface_of(pyvista.Icosphere(20, nsub=4))
    inner = surface_of(pyvista.Icosphere(12, nsub=4))
    both = Surface(
        np.concatenate([outer.points, inner.points]),
        np.concatenate([outer.triangles, inner.triangles + len(outer.points)]),
    )
    solid = SurfaceSolid(both)
    assert solid.distance(np.array([[0.0, 0, 0], [0, 0, 16], [0, 0, 25]])) == pytest.approx(
        [12, -4, 5], abs=0.1
    )
    assert solid.surface.enclosed_volume == pytest.approx(
        outer.enclosed_volume - inner.enclosed_volume
    )


def test_labels_are_those_of_the_nearest_triangle():
    sphere = surface_of(pyvista.Icosphere(20, nsub=4))
    upper = sphere.corners[:, :, 2].mean(axis=1) > 0
    labelled = Surface(sphere.points, sphere.triangles, np.where(upper, 3, 2))
    points = np.random.default_rng(4).uniform(-20, 20, (500, 3))
    points = points[np.abs(points[:, 2]) > 2]
    expected = np.where(points[:, 2] > 0, 3, 2)
    np.testing.assert_array_equal(SurfaceSolid(labelled).label(points), expected)
    assert not SurfaceSolid(sphere).label(points).any()


def test_an_open_surface_is_refused():
    sphere = surface_of(pyvista.Icosphere(20, nsub=3))
    with pytest.raises(InputError, match="3 of its"):
        SurfaceSolid(Surface(sphere.points, sphere.triangles[1:]))


def test_no_points_have_no_distances():
    assert SurfaceSolid(box(3, 3, 3)).distance(np.zeros((0, 3))).shape == (0,)


def test_a_mesh_of_the_surface_of_a_mesh_is_as_large():
    cup = mesh_solid(Cup(), spacing=2.5)
    surface = Surface(cup.points, cup.triangles, cup.boundary)
    again = mesh_solid(SurfaceSolid(surface), spacing=3.0)
    assert signed_volumes(again.points, again.tetrahedra).sum() == pytest.approx(
        surface.enclosed_volume, rel=0.01
    )
    assert set(again.boundary) == set(cup.boundary)


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside the repository")
@pytest.mark.parametrize(("name", "millilitres"), [("geo1", 144.8), ("bivme", 177.9)])
def test_real_hearts_are_meshed_whole(name, millilitres):
    if name == "geo1":
        surface = surface_of(pyvista.read(DATA / "cobiveco_kit/geo1/heart.vtp"))
    else:
        surface = read_pieces("000")
    solid = SurfaceSolid(surface)
    assert solid.surface.enclosed_volume / 1000 == pytest.approx(millilitres, abs=0.1)
    volume = mesh_solid(solid, spacing=4.0)
    assert signed_volumes(volume.points, volume.tetrahedra).sum() == pytest.approx(
        solid.surface.enclosed_volume, rel=0.01
    )
    assert scaled_jacobian(volume.points, volume.tetrahedra).min() > 0.1
