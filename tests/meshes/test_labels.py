from pathlib import Path

import numpy as np
import pytest
import pyvista
from scipy.spatial.transform import Rotation

from twin.meshes.errors import InputError
from twin.meshes.fields.labels import find_boundary, label_surface, with_base
from twin.meshes.heart import Boundary
from twin.meshes.surface import Surface
from twin.meshes.topology import boundary_triangles, row_keys

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def agreement(triangles, labels, other_triangles, other_labels):
    """Share of the triangles that carry the same label in both."""
    keys = row_keys(np.sort(np.concatenate([triangles, other_triangles]), axis=1))
    own, other = np.argsort(keys[: len(triangles)]), np.argsort(keys[len(triangles) :])
    return (labels[own] == other_labels[other]).mean()


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_left_ventricle_is_labelled_in_any_pose(left_mesh, seed):
    pose = Rotation.identity() if seed is None else Rotation.random(random_state=seed)
    triangles, labels = find_boundary(pose.apply(left_mesh.points) - 70.0, left_mesh.tetrahedra)
    assert agreement(triangles, labels, left_mesh.triangles, left_mesh.boundary) == 1
    assert Boundary.RV_ENDOCARDIUM not in labels


def test_both_ventricles_are_told_apart(thick_mesh):
    triangles, labels = find_boundary(thick_mesh.points, thick_mesh.tetrahedra)
    assert agreement(triangles, labels, thick_mesh.triangles, thick_mesh.boundary) > 0.97
    keys = row_keys(np.sort(np.concatenate([triangles, thick_mesh.triangles]), axis=1))
    order, given = np.argsort(keys[: len(labels)]), np.argsort(keys[len(labels) :])
    found, true = labels[order], thick_mesh.boundary[given]
    left, right = Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM
    assert not ((found == left) & (true == right)).any()
    assert not ((found == right) & (true == left)).any()


def test_a_surface_inside_out_is_turned(left_mesh):
    surface = Surface(left_mesh.points, left_mesh.triangles[:, ::-1])
    labelled = label_surface(surface)
    assert labelled.enclosed_volume > 0
    assert (labelled.labels == left_mesh.boundary).all()


def test_base_around_bare_rims(left_mesh):
    """A wall whose base counts as epicardium gets it back around the rim."""
    bare = np.where(
        left_mesh.boundary == Boundary.BASE, Boundary.EPICARDIUM, left_mesh.boundary
    ).astype(np.int8)
    labels = with_base(left_mesh.points, left_mesh.triangles, bare)
    assert (labels == left_mesh.boundary).mean() > 0.99


def test_a_ball_has_no_cavity():
    ball = pyvista.Icosphere(radius=40, nsub=4)
    with pytest.raises(InputError, match="no cavity"):
        label_surface(Surface(np.asarray(ball.points, float), ball.regular_faces))


def test_a_closed_cavity_is_refused():
    outer, inner = (pyvista.Icosphere(radius=r, nsub=4) for r in (40, 30))
    points = np.concatenate([outer.points, inner.points]).astype(float)
    triangles = np.concatenate(
        [outer.regular_faces, inner.regular_faces[:, ::-1] + len(outer.points)]
    )
    with pytest.raises(InputError, match="cavity is closed"):
        label_surface(Surface(points, triangles))


def test_a_hole_in_the_wall_is_located(left_mesh):
    centres = left_mesh.points[left_mesh.tetrahedra].mean(axis=1)
    drilled = (np.hypot(centres[:, 1], centres[:, 2] + 10) < 2.5) & (centres[:, 0] > 0)
    with pytest.raises(InputError, match="open to the outside in 2 places") as error:
        find_boundary(left_mesh.points, left_mesh.tetrahedra[~drilled])
    assert "-10)" in str(error.value) or "-9)" in str(error.value)


def test_an_open_surface_is_refused(left_mesh):
    with pytest.raises(InputError, match="not closed"):
        label_surface(Surface(left_mesh.points, left_mesh.triangles[1:]))


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside the repository")
def test_crtdemo_endocardia_have_the_sizes_its_authors_cut_out():
    mesh = pyvista.read(DATA / "crtdemo" / "crtdemo_mesh_oriented.vtk")
    tetrahedra = mesh.cells_dict[pyvista.CellType.TETRA]
    triangles, labels = find_boundary(np.asarray(mesh.points, float), tetrahedra)
    for name, label in (("LV", Boundary.LV_ENDOCARDIUM), ("RV", Boundary.RV_ENDOCARDIUM)):
        cut_out = pyvista.read(DATA / "crtdemo" / f"crtdemo_{name}endo_heart_cut.obj")
        assert (labels == label).sum() == cut_out.n_cells
    assert len(triangles) == len(boundary_triangles(tetrahedra))


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside the repository")
def test_cobiveco_example_is_labelled_as_by_its_authors():
    mesh = pyvista.read(DATA / "cobiveco_kit" / "geo1" / "heart.vtp")
    surface = label_surface(Surface(np.asarray(mesh.points, float), mesh.regular_faces))
    classes = np.asarray(mesh["class"])[surface.triangles]
    same = (classes == classes[:, :1]).all(axis=1)
    assert (surface.labels[same] == classes[same, 0]).mean() > 0.99
