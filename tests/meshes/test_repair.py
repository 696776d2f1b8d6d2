"""Repair mends what it says it mends, says what it did, and leaves a sound mesh as it is."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from twin.benchmarks.broken import BROKEN, sound
from twin.meshes.checking.check import check
from twin.meshes.checking.repair import repair
from twin.meshes.errors import InputError
from twin.meshes.heart import signed_volumes
from twin.meshes.volume import Volume

MENDABLE = [broken for broken in BROKEN if broken.mendable]
WHOLE = {
    "inverted tetrahedra",
    "duplicate points",
    "duplicate tetrahedra",
    "unreferenced points",
    "separate tetrahedra",
    "enclosed voids",
    "wrong scale",
    "left-handed fibres",
    "triangles off the boundary",
    "boundary faces without triangle",
    "triangles facing inwards",
    "label islands",
}
"""Faults that leave no trace once mended."""


@cache
def mended_volume(broken):
    return repair(broken.make(sound()), unit=broken.unit)


@pytest.mark.parametrize("broken", MENDABLE, ids=lambda broken: broken.name)
def test_mended_mesh_is_sound(broken):
    volume, mended = mended_volume(broken)
    assert check(volume) == []
    (finding,) = [finding for finding in mended if finding.name == broken.name]
    assert finding.count == broken.count
    assert finding.remedy.startswith("Mended: ")
    assert any(broken.name in remark for remark in volume.remarks)


@pytest.mark.parametrize("broken", MENDABLE, ids=lambda broken: broken.name)
def test_repair_loses_next_to_nothing(broken):
    original = sound()
    volume, _ = mended_volume(broken)
    before = signed_volumes(original.points, original.tetrahedra).sum()
    after = signed_volumes(volume.points, volume.tetrahedra).sum()
    assert after == pytest.approx(before, rel=5e-3)
    if broken.name in WHOLE:
        assert after == pytest.approx(before, rel=1e-9)
        assert np.allclose(volume.points, original.points, rtol=1e-9)
        assert np.array_equal(np.bincount(volume.boundary), np.bincount(original.boundary))


@pytest.mark.parametrize(
    "broken", [broken for broken in BROKEN if not broken.mendable], ids=lambda broken: broken.name
)
def test_what_cannot_be_mended_stays(broken):
    volume = broken.make(sound())
    left, mended = repair(volume)
    assert broken.name not in [finding.name for finding in mended]
    assert broken.name in [finding.name for finding in check(left)]


def test_sound_mesh_comes_back_as_it_is():
    volume = sound()
    same, mended = repair(volume)
    assert same is volume
    assert mended == []


def test_repair_is_repeatable():
    broken = next(broken for broken in BROKEN if broken.name == "non-manifold edges")
    one, other = (repair(broken.make(sound()))[0] for _ in range(2))
    assert np.array_equal(one.points, other.points)
    assert np.array_equal(one.tetrahedra, other.tetrahedra)


def test_many_faults_at_once_are_all_mended():
    volume = sound()
    made = ("points not finite", "inverted tetrahedra", "unreferenced points", "impossible labels")
    for name in made:
        volume = next(broken for broken in BROKEN if broken.name == name).make(volume)
    volume, mended = repair(volume)
    assert check(volume) == []
    assert set(made) - {"points not finite"} <= {finding.name for finding in mended}


def test_only_faulty_fibres_change():
    original = sound()
    broken = next(broken for broken in BROKEN if broken.name == "fibres not finite")
    volume, _ = repair(broken.make(original))
    for name, field in volume.element_fields.items():
        changed = (field != original.element_fields[name]).any(axis=1)
        assert changed.sum() <= 1


def test_lost_point_returns_amid_its_neighbours():
    original = sound()
    points = np.array(original.points)
    points[2000] = np.nan
    volume, _ = repair(replace(original, points=points))
    assert len(volume.tetrahedra) == len(original.tetrahedra)
    assert np.linalg.norm(volume.points[2000] - original.points[2000]) < 1.0


def test_fields_follow_their_points_and_tetrahedra():
    volume = sound()
    number = np.arange(len(volume.tetrahedra), dtype=float)
    height = volume.points[:, 2]
    tetrahedra = np.array(volume.tetrahedra)
    tetrahedra[5, 0] = -1
    volume = replace(
        volume,
        tetrahedra=tetrahedra,
        point_fields={"height": height},
        element_fields={**volume.element_fields, "number": number},
    )
    mended, _ = repair(volume)
    assert np.array_equal(mended.point_fields["height"], mended.points[:, 2])
    kept = mended.element_fields["number"].astype(int)
    assert np.array_equal(np.sort(mended.tetrahedra[:5]), np.sort(tetrahedra[:5]))
    assert 5 not in kept[: len(tetrahedra) - 1]


def test_nothing_is_rescaled_unless_asked():
    small = replace(sound(), points=sound().points / 10)
    volume, mended = repair(small)
    assert volume is small
    assert mended == []


@pytest.mark.parametrize("unit", ["m", "um"])
def test_unit_that_gives_no_heart_is_refused(unit):
    small = replace(sound(), points=sound().points / 10)
    with pytest.raises(InputError, match="a heart is 60 to 250 mm"):
        repair(small, unit=unit)


def test_unknown_unit_is_refused():
    with pytest.raises(InputError, match="'inch' is not known; expected one of um, mm, cm, m"):
        repair(sound(), unit="inch")


def test_shaken_numbers_never_crash():
    rng = np.random.default_rng(7)
    volume = sound()
    tetrahedra = np.array(volume.tetrahedra)
    rows = rng.random(tetrahedra.shape) < 0.002
    tetrahedra[rows] = rng.integers(-5, len(volume.points) + 5, rows.sum())
    repaired, _ = repair(Volume(volume.points, tetrahedra))
    assert np.isfinite(repaired.points).all()
    assert (signed_volumes(repaired.points, repaired.tetrahedra) >= 0).all()
