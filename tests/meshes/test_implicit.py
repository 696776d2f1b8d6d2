import numpy as np
import pytest

from twin.meshes.anatomy.implicit import (
    Egg,
    HalfSpace,
    Level,
    Undulation,
    intersection,
    normalise_blend,
    outside,
    refine,
    swollen,
    union,
)

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.uniform(-60, 60, (3, 2000))
EGG = Egg(
    np.array([1.0, -2.0, 3.0]),
    np.diag([1 / 25, 1 / 40, 1 / 60]) @ np.array([[1, 0, -0.3], [0, 1, 0], [0, 0, 1]]),
    taper=0.2,
)


def on_surface(shape, points):
    for _ in range(12):
        level = shape(points)
        points = points - level.value * level.gradient
    return points[:, np.abs(shape(points).value) < 1e-9]


def numeric_gradient(shape, points, step=1e-5):
    shifts = step * np.eye(3)[:, :, None]
    return np.array(
        [(shape(points + s).value - shape(points - s).value) / (2 * step) for s in shifts]
    )


def test_a_ball_is_its_distance_near_and_outside():
    ball = Egg(np.zeros(3), np.eye(3) / 20)
    radius = np.linalg.norm(POINTS, axis=0)
    level = ball(POINTS)
    assert np.allclose(level.value, radius - 20)
    assert np.allclose(level.gradient, POINTS / radius)


def test_an_eggs_gradient_is_that_of_its_value_on_the_surface():
    points = on_surface(EGG, POINTS)
    assert points.shape[1] > 1000
    assert np.allclose(EGG(points).gradient, numeric_gradient(EGG, points), atol=1e-5)


@pytest.mark.parametrize("depth", [-3.0, 1.0, 4.0])
def test_refined_distance_is_good_to_a_hundredth(depth):
    shape = _undulating
    points = on_surface(shape, POINTS)
    normal = numeric_gradient(shape, points)
    normal /= np.linalg.norm(normal, axis=0)
    distance = refine(shape, points + depth * normal).value
    flat = np.abs(points[2]) < 40
    assert np.abs(distance - depth)[flat].max() < 0.01 * abs(depth) + 0.005


def _undulating(points):
    return swollen(EGG(points), FIELD(points))


FIELD = Undulation.draw(np.random.default_rng(5), deviation=1.0, shortest=70.0)


def test_an_undulation_has_the_spread_and_gradient_asked_for():
    wide = RANDOM.uniform(-2000, 2000, (3, 20000))
    assert FIELD(wide).value.std() == pytest.approx(1.0, rel=0.05)
    assert np.allclose(FIELD(POINTS).gradient, numeric_gradient(FIELD, POINTS), atol=1e-8)


def test_blends_keep_the_sides_and_differ_only_near_the_edge():
    first = HalfSpace(np.array([1.0, 0, 0]), 5)(POINTS)
    second = HalfSpace(np.array([0, 1.0, 0]), -3)(POINTS)
    both, either = intersection(first, second, 4), union(first, second, 4)
    far = np.abs(first.value - second.value) > 4
    assert np.allclose(both.value[far], np.maximum(first.value, second.value)[far])
    assert np.allclose(either.value[far], np.minimum(first.value, second.value)[far])
    assert (both.value >= np.maximum(first.value, second.value) - 1e-12).all()
    assert (both.value - np.maximum(first.value, second.value) <= 1 + 1e-12).all()
    assert np.allclose(outside(outside(both)).gradient, both.gradient)


def test_a_normalised_blend_grows_with_its_value():
    values = np.linspace(-10, 10, 401)
    level = normalise_blend(Level(values, np.tile([[0.3], [0], [0]], values.size)))
    assert (np.diff(level.value) > 0).all()
    assert np.allclose(level.value[np.abs(values) > 3], values[np.abs(values) > 3])
    assert (level.value[1:] - level.value[:-1])[200] == pytest.approx(0.05 / 0.3, rel=0.05)
