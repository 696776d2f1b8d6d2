"""The population of hearts beside the published one, measured on meshes."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.meshes.anatomy.population import Sex, sample_subject
from twin.meshes.checking.check import check
from twin.meshes.measurement import Measurements, measure
from twin.meshes.meshing.lattice import mesh_solid
from twin.meshes.meshing.quality import scaled_jacobian

SPACING = 3.0
SAMPLES, QUICK_SAMPLES = 200, 24
WORKERS = 2


@dataclass(frozen=True)
class Published:
    """Mean and standard deviation; nan where none is published."""

    mean: float
    deviation: float = float("nan")


TABLE = {
    Sex.FEMALE: {
        "lv_volume": Published(124, 21),
        "rv_volume": Published(130, 24),
        "lv_mass": Published(70, 13),
        "wall_thickness": Published(5.3, 0.9),
        "length_to_diameter": Published(1.41),
        "frontal_axis": Published(38, 8),
    },
    Sex.MALE: {
        "lv_volume": Published(166, 32),
        "rv_volume": Published(182, 36),
        "lv_mass": Published(103, 21),
        "wall_thickness": Published(6.3, 1.1),
        "length_to_diameter": Published(1.40),
        "frontal_axis": Published(38, 8),
    },
}


@dataclass(frozen=True)
class Sample:
    sex: Sex
    measured: Measurements
    faults: int
    nodes: int
    scaled_jacobian: float


def figures(quick: bool) -> Iterator[Figure]:
    count = QUICK_SAMPLES if quick else SAMPLES
    samples = measure_samples(count)
    nodes = np.median([sample.nodes for sample in samples])
    how = (
        f"{count} samples (seeds 0-{count - 1}, women and men in turn) meshed at {SPACING:g} mm "
        f"(median {nodes:,.0f} nodes), measured on the mesh"
    )
    means = mean_errors(samples)
    worst = max(means, key=lambda name: means[name])
    yield at_most("population_worst_mean_error", means[worst], 0.10, "", f"{how}; worst: {worst}")
    spreads = deviation_errors(samples)
    worst = max(spreads, key=lambda name: spreads[name])
    yield report("population_worst_sd_error", spreads[worst], "", f"{how}; worst: {worst}")
    walls = [sample.measured.rv_wall_thickness for sample in samples]
    yield report("population_thinnest_rv_wall", min(walls), "mm", how)
    yield report("population_thickest_rv_wall", max(walls), "mm", how)
    failures = sum(sample.faults > 0 for sample in samples)
    yield at_most("population_check_failures", failures, 0, "", f"{how}; any finding counts")
    shapes = [sample.scaled_jacobian for sample in samples]
    yield at_least("population_min_scaled_jacobian", min(shapes), 0.10, "", how)


def measure_samples(count: int) -> list[Sample]:
    """In fresh processes: the parent may hold threads that do not survive a fork."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        return list(pool.map(_measure_sample, range(count)))


def mean_errors(samples: list[Sample]) -> dict[str, float]:
    """|our mean / the published one - 1| by name and sex."""
    return {
        f"{name}, {sex.value}": abs(float(values.mean()) / TABLE[sex][name].mean - 1)
        for sex, name, values in _by_size(samples)
    }


def deviation_errors(samples: list[Sample]) -> dict[str, float]:
    return {
        f"{name}, {sex.value}": abs(float(values.std(ddof=1)) / TABLE[sex][name].deviation - 1)
        for sex, name, values in _by_size(samples)
        if np.isfinite(TABLE[sex][name].deviation)
    }


def _by_size(samples: list[Sample]) -> Iterator[tuple[Sex, str, np.ndarray]]:
    for sex, sizes in TABLE.items():
        own = [sample.measured for sample in samples if sample.sex == sex]
        for name in sizes:
            yield sex, name, np.array([getattr(measured, name) for measured in own])


def _measure_sample(seed: int) -> Sample:
    sex = (Sex.FEMALE, Sex.MALE)[seed % 2]
    solid = sample_subject(seed, sex=sex).anatomy.solid
    volume = mesh_solid(solid, spacing=SPACING)
    centres = volume.points[volume.tetrahedra].mean(axis=1)
    left = solid.walls(solid.to_heart(centres)).lv_outer.value < 0
    shape = float(scaled_jacobian(volume.points, volume.tetrahedra).min())
    return Sample(sex, measure(volume, left), len(check(volume)), len(volume.points), shape)
