from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import label as components
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from twin.meshes.anatomy.biventricular import Anatomy
from twin.meshes.anatomy.implicit import Undulation
from twin.meshes.anatomy.sizes import heart_centroid, integrate_volumes
from twin.meshes.heart import Boundary

STEP = 1.5
TURN = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
TURN *= np.sign(np.linalg.det(TURN))
WAVY = Anatomy(
    rv_depth=24.0,
    shape=Undulation.draw(np.random.default_rng(2), 1.0, 70.0),
    thickness=Undulation.draw(np.random.default_rng(3), 0.25, 70.0),
    rotation=TURN,
    centre=np.array([50.0, 60.0, -20.0]),
)


@pytest.fixture(scope="module")
def grid():
    """Lattice of the body's box, its distances, and the surface they have."""
    solid = WAVY.solid
    low, high = solid.bounds
    axes = [np.arange(a - 2 * STEP, b + 2 * STEP, STEP) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    distance = solid.distance(points.reshape(-1, 3)).reshape(points.shape[:3])
    vertices, faces, _, _ = marching_cubes(distance, 0.0, spacing=(STEP,) * 3)
    corners = (vertices + points[0, 0, 0])[faces]
    return points, distance, corners


def surface_tree(corners):
    middles = [corners.mean(axis=1), *(corners[:, [i, (i + 1) % 3]].mean(axis=1) for i in range(3))]
    return cKDTree(np.concatenate([corners.reshape(-1, 3), *middles]))


def test_the_box_holds_the_myocardium(grid):
    points, distance, _ = grid
    low, high = WAVY.solid.bounds
    inside = points[distance < 0]
    assert (inside >= low).all()
    assert (inside <= high).all()
    assert (inside.min(axis=0) - low < 6).all()
    assert (high - inside.max(axis=0) < 6).all()


def test_the_wall_is_one_piece_and_both_cavities_open_only_at_the_base(grid):
    points, distance, _ = grid
    assert components(distance < 0)[1] == 1
    local = WAVY.solid.to_heart(points.reshape(-1, 3))
    below = (WAVY.solid.walls(local).base.value < 0).reshape(distance.shape)
    spaces, count = components((distance > 0) & below)
    volumes = np.sort(np.bincount(spaces.ravel())[1:])[::-1] * STEP**3 / 1000
    _, left, right = integrate_volumes(WAVY)
    assert count >= 3
    assert sorted(volumes[1:3]) == pytest.approx(sorted([left, right]), rel=0.02)
    assert volumes[3:].sum() < 0.1


def test_the_distance_is_euclidean_near_the_walls(grid):
    corners = grid[2]
    tree = surface_tree(corners)
    probes = np.random.default_rng(0).uniform(*WAVY.solid.bounds, (10_000, 3))
    true = tree.query(probes)[0]
    ours = np.abs(WAVY.solid.distance(probes))
    near = (true > 0.5) & (true < 3)
    error = np.abs(ours - true)[near]
    assert np.median(error) < 0.1
    assert np.quantile(error, 0.9) < 0.25
    assert (ours[true > 2] / true[true > 2]).max() < 1.6


def test_the_right_free_wall_has_one_thickness(grid):
    corners = grid[2]
    solid = WAVY.solid
    vertices = corners.mean(axis=1)
    labels = solid.label(vertices)
    local = solid.walls(solid.to_heart(vertices))
    free = (labels == Boundary.EPICARDIUM) & (local.lv_outer.value > 9) & (local.base.value < -8)
    across = surface_tree(corners[labels == Boundary.RV_ENDOCARDIUM]).query(vertices[free])[0]
    assert free.sum() > 500
    assert across == pytest.approx(WAVY.rv_wall_thickness, abs=0.2)


def test_every_piece_of_the_boundary_has_its_label():
    still = Anatomy()
    radius, wall = still.outer_radius, still.wall_thickness
    places = {
        Boundary.LV_ENDOCARDIUM: (-radius + wall - 0.2, 0, 0),
        Boundary.EPICARDIUM: (-radius + 0.2, 0, 0),
        Boundary.RV_ENDOCARDIUM: (radius - 0.2, 0, 0),
        Boundary.BASE: (-0.85 * radius + wall / 2, 0, still.base_height - 0.1),
    }
    labels = still.solid.label(np.array(list(places.values()), float))
    assert labels.dtype == np.int8
    assert labels.tolist() == [int(label) for label in places]


def test_moving_the_heart_moves_its_distance():
    home = replace(WAVY, rotation=np.eye(3), centre=np.zeros(3))
    local = np.random.default_rng(4).uniform(-60, 60, (500, 3))
    moved = WAVY.solid.to_body(local.T)
    assert WAVY.solid.distance(moved) == pytest.approx(home.solid.distance(local), abs=1e-9)


def test_integrals_converge():
    coarse, fine = integrate_volumes(WAVY, 3.0), integrate_volumes(WAVY, 2.0)
    assert coarse == pytest.approx(fine, rel=0.006)
    assert heart_centroid(WAVY, 3.0) == pytest.approx(heart_centroid(WAVY, 4.0), abs=0.2)


def test_the_outer_wall_thins_towards_the_apex():
    still = Anatomy()
    tip = np.array([[0, 0, still.apex_height + 1e-6]])
    inside = -still.solid.walls(tip.T + np.array([[0], [0], [0.6 * 5.3]])).lv_endocardium.value
    assert inside == pytest.approx(0, abs=1e-3)


def test_overload_flattens_the_septum_but_keeps_its_thickness():
    flat = Anatomy(septal_flattening=0.25)
    heights = np.linspace(0, 1, 400)
    ray = np.stack([flat.outer_radius * heights, 0 * heights, 0 * heights])
    walls = flat.solid.walls(ray)
    outer = np.interp(0, walls.lv_outer.value, ray[0])
    inner = np.interp(0, walls.lv_endocardium.value, ray[0])
    assert outer < 0.8 * flat.outer_radius
    assert outer - inner == pytest.approx(flat.wall_thickness, rel=0.15)
