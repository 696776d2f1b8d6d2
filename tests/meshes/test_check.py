"""Every fault made on purpose in a sound mesh: it is named, counted, located and explained."""

import json
from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path

import numpy as np
import pytest

from twin.benchmarks.broken import BROKEN, sound
from twin.meshes.checking.check import FAULTS, check
from twin.meshes.checking.findings import Severity
from twin.meshes.heart import Coordinates, Fibres, Heart

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_each_fault_is_named_counted_and_located(broken):
    volume = broken.make(sound())
    found = {finding.name: finding for finding in check(volume, "heart.vtu")}
    finding = found[broken.name]
    assert finding.count == broken.count
    if broken.first:
        assert finding.first == broken.first
    if finding.place:
        known = volume.points[np.isfinite(volume.points).all(axis=1)]
        assert (known.min(axis=0) <= finding.place).all()
        assert (finding.place <= known.max(axis=0)).all()
    assert f"{finding.count:,} of {finding.total:,} {finding.parts}" in str(finding)
    assert "`twin mesh repair heart.vtu" in finding.remedy or not broken.mendable


def test_every_fault_has_a_broken_mesh():
    assert {broken.name for broken in BROKEN} == {fault.name for fault in FAULTS}


def test_place_is_where_the_fault_was_made():
    volume = sound()
    tetrahedra = np.array(volume.tetrahedra)
    tetrahedra[17] = tetrahedra[17, [1, 0, 2, 3]]
    finding = check(replace(volume, tetrahedra=tetrahedra))[0]
    assert finding.first == (17,)
    assert np.allclose(finding.place, volume.points[volume.tetrahedra[17]].mean(axis=0))
    assert "(first: 17 at (" in str(finding)


def test_sound_mesh_has_no_finding():
    assert check(sound()) == []


def test_mesh_without_labels_has_no_fault_of_labels():
    volume = sound()
    assert (
        check(replace(volume, triangles=volume.triangles[:0], boundary=volume.boundary[:0])) == []
    )


def test_gate_hides_what_cannot_be_examined():
    volume = sound()
    points = np.array(volume.points)
    points[0] = np.nan
    tetrahedra = np.array(volume.tetrahedra)
    tetrahedra[5, 0] = -1
    names = [f.name for f in check(replace(volume, points=points, tetrahedra=tetrahedra))]
    assert names == ["points not finite", "node numbers out of range"]


def test_scale_names_the_likely_unit():
    volume = replace(sound(), points=sound().points / 10)
    (finding,) = check(volume, "heart.vtu")
    assert "7.5" in finding.meaning
    assert "looks like a file in cm" in finding.meaning
    assert "`twin mesh repair heart.vtu --unit cm`" in finding.remedy


def test_single_precision_is_no_fault():
    volume = sound()
    fields = {name: field.astype(np.float32) for name, field in volume.element_fields.items()}
    points = volume.points.astype(np.float32)
    assert check(replace(volume, points=points, element_fields=fields)) == []


def test_heart_is_checked_as_its_volume_is():
    volume = sound()
    zeros = np.zeros(len(volume.points))
    fields = dict(volume.element_fields)
    fields["normal"] = -fields["normal"]
    heart = Heart(
        volume.points,
        volume.tetrahedra,
        volume.triangles,
        volume.boundary,
        Coordinates(zeros, zeros, zeros, zeros.astype(int)),
        Fibres(**fields),
    )
    assert [finding.name for finding in check(heart)] == ["left-handed fibres"]


def test_findings_are_frozen_and_json():
    finding = check(BROKEN[1].make(sound()))[0]
    assert finding.severity is Severity.ERROR
    assert finding.severity == "error"
    assert json.loads(json.dumps(asdict(finding)))["name"] == finding.name
    with pytest.raises(FrozenInstanceError):
        finding.count = 0


def test_real_mesh_is_sound_but_for_a_sliver():
    pyvista = pytest.importorskip("pyvista")
    path = DATA / "crtdemo" / "crtdemo_mesh_oriented.vtk"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    mesh = pyvista.read(path)
    volume = replace(
        sound(),
        points=np.array(mesh.points, float),
        tetrahedra=mesh.cells_dict[10],
        triangles=np.zeros((0, 3), int),
        boundary=np.zeros(0, np.int8),
        element_fields={},
    )
    assert [finding.name for finding in check(volume)] == ["slivers"]
