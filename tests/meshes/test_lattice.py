"""Meshes of solids: whole, well shaped, exact in volume, fine enough, and the same every time."""

from dataclasses import dataclass

import numpy as np
import pytest
import pyvista
from scipy.spatial.transform import Rotation

from twin.benchmarks.solids import Chain, Cup, Shell
from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary, signed_volumes
from twin.meshes.meshing.lattice import mesh_solid
from twin.meshes.meshing.quality import scaled_jacobian
from twin.meshes.surface import Surface
from twin.meshes.topology import (
    boundary_triangles,
    connected_components,
    non_manifold_edges,
    non_manifold_nodes,
    open_edges,
    surface_components,
    triangle_edges,
)

BALL = Shell(30, 0)

SOLIDS: dict[str, tuple[Shell | Cup, float]] = {
    "ball": (BALL, 3.0),
    "shell": (Shell(30, 22), 2.5),
    "shell of two cells": (Shell(30, 27), 1.7),
    "shell of one and a half cells": (Shell(20, 17), 2.0),
    "shell of one cell": (Shell(20, 18.5), 1.5),
    "shell thin on one side": (Shell(25, 19, 4.5), 2.5),
    "cup": (Cup(), 2.5),
    "thin cup": (Cup((25, 22, 35), 3.0, 8.0), 2.4),
    "cup with a sharp rim": (Cup((30, 30, 40), 8.0, 28.0), 2.5),
}


@dataclass(frozen=True)
class Turned:
    """Another solid, turned and moved: the lattice favours no direction."""

    solid: Cup
    turn: Rotation

    @property
    def bounds(self):
        corners = np.stack(np.meshgrid(*np.transpose(self.solid.bounds)), -1).reshape(-1, 3)
        turned = self.turn.apply(corners) + 7
        return turned.min(axis=0), turned.max(axis=0)

    def distance(self, points):
        return self.solid.distance(self.turn.inv().apply(points - 7))

    def label(self, points):
        return self.solid.label(self.turn.inv().apply(points - 7))


def assert_whole(volume):
    """One component under one closed, outward-facing, manifold boundary."""
    triangles = boundary_triangles(volume.tetrahedra)
    assert {tuple(row) for row in np.sort(triangles)} == {
        tuple(row) for row in np.sort(volume.triangles)
    }
    assert len(open_edges(triangles)) == 0
    assert len(non_manifold_edges(triangles)) == 0
    assert len(non_manifold_nodes(triangles)) == 0
    assert connected_components(volume.tetrahedra).max() == 0
    assert len(np.unique(volume.tetrahedra)) == len(volume.points)
    enclosed = Surface(volume.points, volume.triangles).enclosed_volume
    assert enclosed == pytest.approx(signed_volumes(volume.points, volume.tetrahedra).sum())


def euler_characteristic(triangles):
    edges = np.unique(np.sort(triangle_edges(triangles), axis=1), axis=0)
    return len(np.unique(triangles)) - len(edges) + len(triangles)


@pytest.mark.parametrize("name", SOLIDS)
def test_meshes_are_whole_well_shaped_and_exact(name):
    solid, spacing = SOLIDS[name]
    volume = mesh_solid(solid, spacing=spacing)
    assert_whole(volume)
    assert scaled_jacobian(volume.points, volume.tetrahedra).min() > 0.1
    assert signed_volumes(volume.points, volume.tetrahedra).sum() == pytest.approx(
        solid.volume, rel=0.01
    )
    surfaces = 2 if isinstance(solid, Shell) and solid.inner else 1
    assert euler_characteristic(volume.triangles) == 2 * surfaces
    on_surface = solid.distance(volume.points[np.unique(volume.triangles)])
    assert np.abs(on_surface).max() < 0.06 * spacing


@pytest.mark.parametrize("seed", range(6))
def test_a_random_family_of_walls(seed):
    generator = np.random.default_rng(seed)
    axes = tuple(generator.uniform([20, 20, 30], [35, 35, 50]))
    cup = Cup(axes, generator.uniform(2.5, 9), generator.uniform(-0.1, 0.6) * axes[2])
    solid = Turned(cup, Rotation.random(rng=generator))
    volume = mesh_solid(solid, spacing=generator.uniform(1.8, 3.2))
    assert_whole(volume)
    assert scaled_jacobian(volume.points, volume.tetrahedra).min() > 0.1
    assert signed_volumes(volume.points, volume.tetrahedra).sum() == pytest.approx(
        cup.volume, rel=0.01
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_distance_that_is_only_nearly_one(seed):
    volume = mesh_solid(Chain.sample(seed), spacing=1.5)
    assert_whole(volume)
    quality = scaled_jacobian(volume.points, volume.tetrahedra)
    assert quality.min() > 0.1
    assert np.median(quality) > 0.9


def test_volume_converges_with_second_order():
    error = [
        abs(signed_volumes(m.points, m.tetrahedra).sum() / BALL.volume - 1)
        for m in (mesh_solid(BALL, spacing=spacing) for spacing in (6.0, 3.0))
    ]
    assert error[1] < error[0] / 3


def test_only_the_thin_part_is_refined():
    thin_above = Shell(25, 19, 4.5)
    volume = mesh_solid(thin_above, spacing=2.5)
    assert "thinner than two cells" in volume.remarks[0]
    edge = np.ptp(volume.points[volume.tetrahedra], axis=1).max(axis=1)
    height = volume.points[volume.tetrahedra].mean(axis=1)[:, 2]
    assert np.median(edge[height > 20]) < 0.6 * np.median(edge[height < -10])
    whole = signed_volumes(volume.points, volume.tetrahedra)
    assert np.median(whole[height < -10]) == pytest.approx(2.5**3 / 12, rel=0.01)


def test_a_thick_wall_is_not_refined():
    assert mesh_solid(Shell(30, 22), spacing=2.5).remarks == ()


@pytest.mark.parametrize(
    ("solid", "nodes"),
    [(Cup(), 3_000), (Cup(), 40_000), (Shell(25, 19, 4.5), 20_000), (Shell(30, 27), 30_000)],
)
def test_the_number_of_nodes_is_kept(solid, nodes):
    volume = mesh_solid(solid, nodes=nodes)
    assert len(volume.points) == pytest.approx(nodes, rel=0.1)


def test_too_few_nodes_for_a_thin_wall_are_exceeded_and_said():
    volume = mesh_solid(Shell(30, 28), nodes=5_000)
    assert_whole(volume)
    assert len(volume.points) > 5_500
    assert "instead of 5,000" in volume.remarks[-1]


def test_each_wall_is_one_patch_of_one_label():
    volume = mesh_solid(Cup(), spacing=2.5)
    assert set(volume.boundary) == {
        Boundary.BASE,
        Boundary.EPICARDIUM,
        Boundary.LV_ENDOCARDIUM,
    }
    for label in np.unique(volume.boundary):
        assert surface_components(volume.triangles[volume.boundary == label]).max() == 0
    base = volume.points[volume.triangles[volume.boundary == Boundary.BASE]].mean(axis=1)
    assert base[:, 2].min() > 12 - 2.5


def test_a_solid_without_labels_gives_none():
    class Unlabelled(Shell):
        def label(self, points):
            return np.zeros(len(points), np.int8)

    volume = mesh_solid(Unlabelled(), spacing=4)
    assert len(volume.triangles) == len(volume.boundary) == 0


def test_the_same_bits_every_time():
    one, other = (mesh_solid(Cup(), nodes=8_000) for _ in range(2))
    assert one.points.tobytes() == other.points.tobytes()
    assert one.tetrahedra.tobytes() == other.tetrahedra.tobytes()
    assert one.boundary.tobytes() == other.boundary.tobytes()


def test_neighbours_lie_near_in_memory():
    volume = mesh_solid(Cup(), spacing=2.0)
    jump = np.ptp(volume.tetrahedra, axis=1)
    assert np.median(jump) < 0.05 * len(volume.points)


@pytest.mark.parametrize("overlap", [0.3, 1.0])
def test_a_narrow_waist_stays_manifold(overlap):
    class Touching(Chain):
        def distance(self, points):
            apart = np.linalg.norm(points[:, None] - self.centres, axis=2) - self.radii
            return apart.min(axis=1)

    balls = Touching(np.array([[0.0, 0, 0], [20 - overlap, 0, 0]]), np.array([10.0, 10]))
    assert_whole(mesh_solid(balls, spacing=2.0))


def test_scaled_jacobian_is_that_of_vtk():
    generator = np.random.default_rng(5)
    points = generator.standard_normal((400, 3))
    tetrahedra = np.arange(400).reshape(-1, 4)
    wrong = signed_volumes(points, tetrahedra) < 0
    tetrahedra[wrong] = tetrahedra[wrong][:, [0, 2, 1, 3]]
    grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: tetrahedra}, points)
    theirs = grid.cell_quality("scaled_jacobian")["scaled_jacobian"]
    np.testing.assert_allclose(scaled_jacobian(points, tetrahedra), theirs, rtol=1e-9)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({}, "either"),
        ({"spacing": 1.0, "nodes": 1000}, "either"),
        ({"spacing": -1.0}, "positive"),
        ({"spacing": np.nan}, "positive"),
        ({"nodes": 3}, "at least"),
    ],
)
def test_wrong_choices_are_said(choice, said):
    with pytest.raises(InputError, match=said):
        mesh_solid(BALL, **choice)


def test_nothing_to_mesh_is_said():
    with pytest.raises(InputError, match="empty"):
        mesh_solid(Shell(30, 31), spacing=3)


def test_parts_that_do_not_hang_together_are_said():
    apart = Chain(np.array([[0.0, 0, 0], [60.0, 0, 0]]), np.array([10.0, 12.0]))
    with pytest.raises(InputError, match="2 parts"):
        mesh_solid(apart, spacing=2.5)
