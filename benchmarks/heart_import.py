"""Real hearts of others, each imported by one call: does it pass the check, is its volume right?"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyvista

from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.meshes.checking.check import check
from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary, Heart
from twin.meshes.meshing.triple import cavity_volume, join_walls
from twin.meshes.surface import Surface
from twin.meshes.volume import Volume

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
STUDY = DATA / "bivme"
SEGMENTATION = "lv_cavity=1,myocardium=2,rv_cavity=3,rv_myocardium=4"
ENDOCARDIA = {"lv": Boundary.LV_ENDOCARDIUM, "rv": Boundary.RV_ENDOCARDIUM}


@dataclass(frozen=True)
class Case:
    name: str
    path: Path
    options: dict[str, object] = field(default_factory=dict)
    quick: bool = False


CASES = (
    Case("crtdemo", DATA / "crtdemo" / "crtdemo_mesh_oriented.vtk", quick=True),
    Case("cobiveco", DATA / "cobiveco_kit" / "geo1" / "heart.vtp"),
    Case("fitted_000", STUDY / "fitted", {"frame": 0}),
    Case("fitted_010", STUDY / "fitted", {"frame": 10}),
    Case("guidepoints_000", STUDY / "guidepoints", {"frame": 0}),
    Case("guidepoints_010", STUDY / "guidepoints", {"frame": 10}),
    Case(
        "segmentation",
        STUDY / "seg" / "SAX_3d_1.nii.gz",
        {"labels": SEGMENTATION, "spacing": 4.0},
        quick=True,
    ),
)


def figures(quick: bool) -> Iterator[Figure]:
    """All cases, or when `quick` the two small ones; none where the data is absent."""
    cases = [case for case in CASES if case.path.exists() and (case.quick or not quick)]
    passed, failures = 0, []
    for case in cases:
        start = time.process_time()
        try:
            heart = Heart.read(case.path, **case.options)
        except InputError as error:
            failures.append(f"{case.name}: {error}")
            continue
        seconds = time.process_time() - start
        errors = [finding for finding in check(_volume(heart)) if finding.severity == "error"]
        passed += not errors
        failures += [f"{case.name}: {finding.name}" for finding in errors]
        how = f"processor time of Heart.read on {case.path.name}: {heart!r}"
        yield report(f"import_{case.name}_seconds", seconds, "s", how)
        yield from _volume_errors(case, heart)
    how = "; ".join(failures) or f"{', '.join(case.name for case in cases)}: check finds no error"
    expected = sum(case.quick or not quick for case in CASES)
    how = how if cases else f"no data in {DATA}"
    yield at_least("import_cases_passed", passed, expected, "", how)


def _volume(heart: Heart) -> Volume:
    return Volume(heart.points, heart.tetrahedra, heart.triangles, heart.boundary)


def _volume_errors(case: Case, heart: Heart) -> Iterator[Figure]:
    """The wall against the closed surface, or, of guide points, the cavities against a model that
    was fitted to the same points."""
    kind, _, frame = case.name.partition("_")
    if kind == "guidepoints":
        fitted = dict(zip(ENDOCARDIA, _fitted(frame)[1:], strict=True))
        for name, label in ENDOCARDIA.items():
            ours = Surface(heart.points, heart.boundary_triangles(label))
            yield _cavity_error(case, name, ours, fitted[name])
            yield _distance(case, name, ours, fitted[name])
        return
    expected, how = _expected_wall(case, kind, frame)
    if expected:
        ours = heart.element_volumes.sum()
        error = 100 * abs(ours / expected - 1)
        how = f"{ours / 1000:.2f} ml of tetrahedra, {expected / 1000:.2f} ml {how}"
        yield at_most(f"import_{case.name}_volume_error", error, 1.0, "%", how)


def _expected_wall(case, kind, frame):
    if kind == "fitted":
        return join_walls(*_fitted(frame)).enclosed_volume, "within the three surfaces"
    if kind == "segmentation":
        return 0.0, ""
    mesh = pyvista.read(case.path)
    return float(mesh.volume), "in the file"


def _fitted(frame: str) -> list[Surface]:
    """Epicardium, left and right endocardium that biv-me fitted to the guide points."""
    names = ("EPICARDIAL", "LV_ENDOCARDIAL", "RV_ENDOCARDIAL")
    meshes = [pyvista.read(STUDY / "fitted" / f"patient1_{name}_{frame}.vtk") for name in names]
    return [Surface(m.points.astype(float), m.regular_faces.astype(np.int64)) for m in meshes]


def _cavity_error(case, name, ours, fitted):
    found, expected = cavity_volume(ours) / 1000, cavity_volume(fitted) / 1000
    how = f"{found:.1f} ml, fitted model {expected:.1f} ml, both closed at the valves"
    error = 100 * abs(found / expected - 1)
    return at_most(f"import_{case.name}_{name}_volume_error", error, 10.0, "%", how)


def _distance(case, name, ours, fitted):
    surface = pyvista.PolyData.from_regular_faces(ours.points, ours.triangles)
    away = pyvista.PolyData(fitted.points).compute_implicit_distance(surface)
    apart = np.abs(away["implicit_distance"])
    how = f"from the fitted endocardium to ours; 95 % within {np.percentile(apart, 95):.1f} mm"
    return report(f"import_{case.name}_{name}_mean_distance", apart.mean(), "mm", how)
