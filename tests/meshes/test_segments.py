import numpy as np
import pytest

from twin.meshes.fields.segments import NAMES, aha_segments
from twin.meshes.heart import Coordinates

SECTORS = ("inferior", "inferolateral", "anterolateral", "anterior", "anteroseptal", "inferoseptal")


def segments(apicobasal, rotational, ventricle=0):
    apicobasal, rotational = np.broadcast_arrays(*np.atleast_1d(apicobasal, rotational))
    return aha_segments(
        Coordinates(
            apicobasal.astype(float),
            np.full(len(apicobasal), 0.5),
            rotational.astype(float),
            np.full(len(apicobasal), ventricle),
        )
    )


@pytest.mark.parametrize(("height", "level"), [(0.71, "basal"), (1.0, "basal"), (0.4, "mid")])
def test_six_sectors_in_cobivecos_order(height, level):
    middles = (np.arange(6) + 0.5) / 6
    assert [NAMES[i] for i in segments(height, middles)] == [f"{level} {s}" for s in SECTORS]


def test_four_apical_quarters_have_the_walls_in_their_middle():
    found = segments(0.2, [1 / 12, 1 / 3, 7 / 12, 5 / 6])
    names = ["apical inferior", "apical lateral", "apical anterior", "apical septal"]
    assert [NAMES[i] for i in found] == names


def test_borders_belong_to_the_upper_side():
    assert list(segments([0.0999, 0.1, 0.3999, 0.4, 0.6999, 0.7], 0.55)) == [17, 13, 13, 7, 7, 1]
    assert list(segments(0.9, [0, 1 / 6, 0.5, 2 / 3, 5 / 6, 1])) == [4, 5, 1, 2, 3, 4]


def test_right_ventricle_has_none():
    assert (segments(np.linspace(0, 1, 9), 0.8, ventricle=1) == 0).all()


def test_heart_has_all_seventeen(thick_heart):
    assert set(np.unique(thick_heart.segments)) == set(range(18))
