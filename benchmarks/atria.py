"""Sampled left atria beside what left atria measure."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.meshes.atria.examination import (
    AREA,
    LEAST_APPENDAGE,
    MITRAL_RIM,
    MOST_TURNS,
    VEIN_RIM,
    VOLUME,
    check_atrium,
)
from twin.meshes.atria.measurement import AtrialSizes, measure
from twin.meshes.atria.openings import find_openings
from twin.meshes.atria.sampling import sample_surface

SPACING = 2.5
SAMPLES, QUICK_SAMPLES = 200, 6


@dataclass(frozen=True)
class Sample:
    sizes: AtrialSizes
    findings: int
    redraws: int
    variant: bool
    seconds: float

    @property
    def in_range(self) -> bool:
        """All the bars at once."""
        sizes = self.sizes
        fits = [_within(sizes.area, AREA), _within(sizes.volume, VOLUME)]
        fits += [_within(rim, VEIN_RIM) for rim in sizes.vein_rims]
        fits += [_within(sizes.mitral_rim, MITRAL_RIM), sizes.rim_turns <= MOST_TURNS]
        return all(fits) and sizes.appendage_area >= LEAST_APPENDAGE


def figures(quick: bool) -> Iterator[Figure]:
    count = QUICK_SAMPLES if quick else SAMPLES
    samples = [measure_sample(seed) for seed in range(count)]
    how = f"{count} samples (seeds 0-{count - 1}), lattice of {SPACING:g} mm"
    ranged = float(np.mean([sample.in_range for sample in samples]))
    bars = "area, volume, every rim, smoothness of rims, appendage, all at once"
    yield at_least("population_in_range_share", ranged, 1.0, "", f"{how}; {bars}")
    findings = sum(sample.findings > 0 for sample in samples)
    yield at_most("population_check_failures", findings, 0, "", f"{how}; any finding counts")
    redraws = sum(sample.redraws for sample in samples)
    yield report("population_redraws", redraws, "", f"{how}; anatomies with a finding")
    yield report("population_variants", sum(s.variant for s in samples), "", f"{how}; veins")
    yield from _distribution(samples, how)
    yield at_most("population_rim_turns", max(s.sizes.rim_turns for s in samples), MOST_TURNS, "",
                  f"{how}; total curvature of the worst rim, 1 for a plane convex one")  # fmt: skip
    seconds = np.median([sample.seconds for sample in samples])
    yield report("population_sample_seconds", seconds, "s", f"{how}; processor time, median")


def measure_sample(seed: int) -> Sample:
    started = time.process_time()
    sheet, regions, origin = sample_surface(np.random.default_rng(seed), SPACING)
    seconds = time.process_time() - started
    openings = find_openings(sheet.triangles, regions)
    surface = (sheet.points, sheet.triangles, regions, openings)
    redraws = origin["redraws"]
    assert isinstance(redraws, int)
    return Sample(
        measure(*surface),
        len(check_atrium(*surface)),
        redraws,
        bool(origin["common_left_trunk"] or origin["right_middle_vein"]),
        seconds,
    )


def _distribution(samples: list[Sample], how: str) -> Iterator[Figure]:
    """Least, mean, deviation and most of each size."""
    sizes = [sample.sizes for sample in samples]
    values = {
        "area_cm2": [one.area for one in sizes],
        "volume_ml": [one.volume for one in sizes],
        "vein_rim_mm": [rim for one in sizes for rim in one.vein_rims],
        "mitral_rim_mm": [one.mitral_rim for one in sizes],
        "appendage_cm2": [one.appendage_area for one in sizes],
    }
    values |= {f"box_{axis}_mm": [one.box[k] for one in sizes] for k, axis in enumerate("xyz")}
    for name, numbers in values.items():
        said = (
            f"mean; standard deviation {np.std(numbers):.3g}, {min(numbers):.4g} to "
            f"{max(numbers):.4g}; {how}"
        )
        yield report(f"population_{name}", float(np.mean(numbers)), name.split("_")[-1], said)


def _within(value: float, extent: tuple[float, float]) -> bool:
    return extent[0] <= value <= extent[1]
