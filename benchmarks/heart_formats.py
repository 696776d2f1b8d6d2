"""Files of hearts: each format written is read back equal, no damaged file does harm."""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.benchmarks.honest_files import Honest, small_heart, write_honest
from twin.benchmarks.mutations import mutate
from twin.meshes.checking.check import check
from twin.meshes.cine.segmentation import Stack
from twin.meshes.cine.slices import GuidePoints
from twin.meshes.errors import InputError
from twin.meshes.formats import quarantine, read_heart, read_surface, read_volume, write_heart
from twin.meshes.formats.making import complete
from twin.meshes.heart import Heart
from twin.meshes.progress import silent
from twin.meshes.surface import Surface
from twin.meshes.volume import Volume

INPUTS, QUICK_INPUTS = 5000, 200
BUILT_EVERY = 7
"""Volumes of one in so many inputs go all the way to a heart."""

SECONDS, GIGABYTES = 10.0, 2.0
WHOLE_FORMATS = ("vtu", "pvd", "vtkhdf", "xdmf")
PART_FORMATS = ("vtp", "stl", "pts")


@dataclass(frozen=True)
class Outcome:
    """How reading one damaged input ended; `unclean` says what was wrong with that, if anything."""

    case: str
    mutation: str
    ending: str
    seconds: float
    unclean: str


def figures(quick: bool) -> Iterator[Figure]:
    outcomes, gigabytes = fuzz(QUICK_INPUTS if quick else INPUTS)
    kinds = Counter(outcome.ending for outcome in outcomes)
    ends = ", ".join(f"{count} {name}" for name, count in kinds.most_common())
    readers = len({outcome.case for outcome in outcomes})
    how = f"seeded mutations of {readers} honest files: {ends}"
    unclean = [outcome for outcome in outcomes if outcome.unclean]
    yield at_least("fuzz_inputs", len(outcomes), QUICK_INPUTS if quick else INPUTS, "", how)
    what = "; ".join(f"{o.case}, {o.mutation}: {o.unclean}" for o in unclean[:3])
    yield at_most("fuzz_unclean", len(unclean), 0, "", what or "one clear error or a sound result")
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    how = f"slowest: {slowest.case}, {slowest.mutation}"
    yield at_most("fuzz_slowest_seconds", slowest.seconds, SECONDS, "s", how)
    yield at_most("fuzz_peak_gigabytes", gigabytes, GIGABYTES, "GB", "resident, in the quarantine")
    equal = round_trips()
    names = ", ".join(name for name, same in equal.items() if same)
    count = len(WHOLE_FORMATS + PART_FORMATS)
    how = f"read back equal: {names}"
    yield at_least("roundtrip_formats", sum(equal.values()), count, "", how)
    yield report(
        "read_overhead_seconds", first_read_seconds(), "s", "first small .vtu of a process"
    )


def fuzz(count: int, seed: int = 0) -> tuple[list[Outcome], float]:
    """Outcomes of `count` damaged inputs, and the most memory that one took, in GB."""
    workers = os.cpu_count() or 1
    shares = [range(start, count, workers) for start in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(_fuzz_share, shares, [seed] * workers))
    outcomes = [outcome for part, _ in parts for outcome in part]
    return outcomes, max(peak for _, peak in parts) / 2**30


def _fuzz_share(numbers: range, seed: int) -> tuple[list[Outcome], int]:
    with tempfile.TemporaryDirectory(prefix="twin-fuzz-") as folder:
        honest = write_honest(Path(folder) / "honest")
        # Readers load their modules the first time; what is timed is what a damaged file costs.
        for case in honest:
            case.read(case.path)
        place = Path(folder) / "damaged"
        outcomes = []
        for number in numbers:
            case = honest[number % len(honest)]
            random = np.random.default_rng([seed, number])
            outcomes.append(damage(case, place, random, build=number % BUILT_EVERY == 0))
            shutil.rmtree(place)
        return outcomes, quarantine.peak_bytes


def damage(case: Honest, place: Path, random: np.random.Generator, build: bool = False) -> Outcome:
    """A copy of the case at `place`, spoiled and read; `build` goes on to a heart."""
    shutil.copytree(case.folder, place)
    files = sorted(file for file in place.rglob("*") if file.is_file())
    mutation, path = mutate(place / case.path.relative_to(case.folder), files, random)
    start = time.perf_counter()
    try:
        result = case.read(path)
        if build and isinstance(result, Volume):
            ending, unclean = _judge_heart(complete(result, silent))
        else:
            ending, unclean = judge(result)
    except InputError as error:
        ending, unclean = "refused", "" if str(error).strip() else "an error without words"
    except Exception as error:
        ending, unclean = "failed", f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    if seconds > SECONDS:
        unclean = f"took {seconds:.1f} s"
    return Outcome(case.name, mutation, ending, seconds, unclean)


def judge(result: Heart | Volume | Surface | GuidePoints | Stack) -> tuple[str, str]:
    """What came of it, and why that is not acceptable, if so."""
    match result:
        case Heart():
            return _judge_heart(result)
        case Volume():
            faults = [finding for finding in check(result) if finding.severity == "error"]
            return ("volume with named faults" if faults else "sound volume"), ""
        case Surface():
            finite = bool(np.isfinite(result.points).all())
            inside = result.triangles.min() >= 0 and result.triangles.max() < len(result.points)
            return "surface", "" if finite and inside else "a surface that is not sound"
        case GuidePoints(points=points):
            return "guide points", "" if np.isfinite(points).all() else "points that are not finite"
        case Stack():
            return "label map", ""


def _judge_heart(heart: Heart) -> tuple[str, str]:
    """Either the very heart that was written, or, where its record is lost, a sound one anew."""
    if heart.provenance == small_heart().provenance:
        same = heart.content == small_heart().content
        return "equal heart", "" if same else "a changed heart passed for the written one"
    faults = [finding.name for finding in check(heart) if finding.severity == "error"]
    return "made a heart", ", ".join(faults)


def round_trips() -> dict[str, bool]:
    """Whether the heart, in double and single precision, comes back as far as the format goes."""
    with tempfile.TemporaryDirectory(prefix="twin-formats-") as folder:
        hearts = [small_heart(2), small_heart(2).astype(np.float32)]
        paths = {name: Path(folder) / f"heart.{name}" for name in WHOLE_FORMATS + PART_FORMATS}
        return {
            name: all(_comes_back(heart, path) for heart in hearts) for name, path in paths.items()
        }


def _comes_back(heart: Heart, path: Path) -> bool:
    write_heart(heart, path)
    if path.suffix[1:] in WHOLE_FORMATS:
        again = read_heart(path)
        return again.content == heart.content and again.provenance == heart.provenance
    if path.suffix == ".pts":
        return _same_mesh(heart, read_volume(path))
    surface = read_surface(path)
    return surface.labels is not None and np.array_equal(
        _labelled_corners(heart.points, heart.triangles, heart.boundary),
        _labelled_corners(surface.points, surface.triangles, surface.labels),
    )


def _same_mesh(heart: Heart, volume: Volume) -> bool:
    """Nodes to a rounding of um and mm; cells, labels and fibres exactly."""
    return (
        np.allclose(volume.points, heart.points, rtol=1e-15, atol=1e-12)
        and np.array_equal(volume.tetrahedra, heart.tetrahedra)
        and np.array_equal(volume.element_fields["fibre"], heart.fibres.fibre)
        and np.array_equal(volume.element_fields["sheet"], heart.fibres.sheet)
        and np.array_equal(
            _labelled_corners(heart.points, heart.triangles, heart.boundary),
            _labelled_corners(heart.points, volume.triangles, volume.boundary),
        )
    )


def _labelled_corners(points: np.ndarray, triangles: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Corners and label of each triangle, in an order that depends on nothing else."""
    rows = np.hstack([points[triangles].reshape(-1, 9), labels[:, None]]).astype(float)
    return rows[np.lexsort(rows.T)]


def first_read_seconds() -> float:
    """Reading a small .vtu when nothing has been loaded yet, interpreter and imports included."""
    with tempfile.TemporaryDirectory(prefix="twin-formats-") as folder:
        path = Path(folder) / "heart.vtu"
        write_heart(small_heart(), path)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(_seconds_to_read, path).result()


def _seconds_to_read(path: Path) -> float:
    start = time.perf_counter()
    read_heart(path)
    return time.perf_counter() - start
