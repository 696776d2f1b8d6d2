import numpy as np
import pytest

from twin.meshes.errors import InputError
from twin.meshes.units import HEART, TORSO, UNITS, doubt_axes, find_axes, find_scale

CUBE = np.array(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0])).reshape(3, -1).T


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    ("extent", "size"), [(HEART, 61), (HEART, 249), (TORSO, 260), (TORSO, 1990)]
)
def test_a_body_of_plausible_size_tells_its_unit(unit, extent, size):
    scale, said = find_scale(CUBE * size / UNITS[unit], extent=extent)
    assert scale == UNITS[unit]
    assert f"unit {unit}, found by size" in said
    assert f"{size:.4g} mm" in said


@pytest.mark.parametrize("size", [0.0, 30.0, 400.0, 1e30])
def test_what_fits_no_unit_is_asked_about(size):
    with pytest.raises(InputError, match="unit="):
        find_scale(CUBE * size)


def test_a_given_unit_is_taken_and_doubted_where_it_makes_no_heart():
    assert find_scale(CUBE * 9, "cm") == (10.0, "unit cm as told: 90 mm across")
    scale, said = find_scale(CUBE * 9, "mm")
    assert scale == 1.0
    assert "although a heart measures 60 to 250 mm" in said


def test_an_unknown_unit_is_named():
    with pytest.raises(InputError, match=r"'inch'.*um, mm, cm, m"):
        find_scale(CUBE, "inch")


def test_points_that_are_not_finite_do_not_count():
    points = np.vstack([CUBE * 100, [[np.nan, 0, 0], [np.inf, 0, 0]]])
    assert find_scale(points)[0] == 1.0
    with pytest.raises(InputError):
        find_scale(points[-2:])


def test_axes_are_taken_from_whoever_says():
    flip = [-1, -1, 1]
    for axes, stated, factors, said in (
        (None, None, [1, 1, 1], "nothing in the file says so"),
        (None, "RAS", flip, "the file says so"),
        ("ras", None, flip, "as told"),
        ("LPS", "LPS", [1, 1, 1], "as told"),
    ):
        found, remark = find_axes(axes, stated)
        assert found.tolist() == factors
        assert said in remark


def test_contradicting_or_unknown_axes_are_refused():
    with pytest.raises(InputError, match="says that its axes are RAS"):
        find_axes("LPS", "RAS")
    with pytest.raises(InputError, match="expected LPS or RAS"):
        find_axes("LAS")


def test_ventricles_that_stand_the_wrong_way_are_remarked_on():
    left, right = CUBE, CUBE - np.array([40, 20, 0])
    assert doubt_axes(left, right) is None
    assert "RAS" in str(doubt_axes(right, left))
