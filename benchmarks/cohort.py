"""How long a cohort takes and where the time goes, what it weighs, and how fast it is read."""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from twin.benchmarks.chunky_heart import write_chunky_heart
from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.simulation.cohort import Cohort
from twin.simulation.recruitment.recipe import shipped
from twin.simulation.recruitment.store.header import read_header, write_header
from twin.simulation.recruitment.store.manifest import Entry, Kind, append_entry, read_entries

CASES, HEARTS = 10_000, 200
"""Of the cohort that the bars are about."""

WORKERS = 2
MEASURED_HEARTS, QUICK_CASES = 6, 10
WHOLE = {"anatomy": ("patient", "writing"), "shard": ("reading", "cases", "writing")}
"""Stages that together are all of a file; the others are parts of them."""

BATCH, BATCHES = 64, 20


def figures(quick: bool) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="twin-cohort-") as folder:
        place = Path(folder)
        recipe = _recipe(place, quick)
        cohort = Cohort.make(recipe, None, place / "both", workers=WORKERS)
        both = Stretch.of(cohort, WORKERS)
        yield from _pace(both)
        yield from _stages(both)
        yield _scaling(recipe, place, both)
        yield from _reading(cohort, place)


@dataclass(frozen=True)
class Stretch:
    """What a run took by the manifest: seconds of one worker for each heart and for each case."""

    anatomies: Sequence[Entry]
    shards: Sequence[Entry]
    workers: int
    nodes: int

    @staticmethod
    def of(cohort: Cohort, workers: int) -> "Stretch":
        """Without each worker's first heart and its cases, which load and compile what all later
        ones use: of 200 hearts they are one in a hundred."""
        later = {kind: _of_kind(cohort, kind)[workers:] for kind in ("anatomy", "shard")}
        return Stretch(later["anatomy"], later["shard"], workers, len(cohort[0].zones))

    @property
    def heart(self) -> float:
        return float(np.mean([_seconds(entry) for entry in self.anatomies]))

    @property
    def case(self) -> float:
        return sum(map(_seconds, self.shards)) / sum(len(entry.cases) for entry in self.shards)

    @property
    def how(self) -> str:
        cases = sum(len(entry.cases) for entry in self.shards)
        return (
            f"{cases} cases of protocol H on {len(self.anatomies)} hearts of {self.nodes:,} nodes, "
            f"{self.workers} workers on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        )


def _of_kind(cohort: Cohort, kind: Kind) -> list[Entry]:
    """In the order in which they were made, which is that of the manifest."""
    return [e for e in cohort.stores[0].entries.values() if e.kind == kind and not e.failed]


def _seconds(entry: Entry) -> float:
    return sum(entry.seconds[name] for name in WHOLE[entry.kind])


def _pace(both: Stretch) -> Iterator[Figure]:
    """Extrapolated: a cohort of 10,000 is too long for a benchmark."""
    how = f"extrapolated to {CASES:,} cases on {HEARTS} hearts from {both.how}"
    rate = both.workers / both.case
    scenarios = CASES * both.case / both.workers / 60
    total = scenarios + HEARTS * both.heart / both.workers / 60
    yield at_least("cases_per_second", rate, 5.5, "/s", f"hearts apart; {both.how}")
    yield at_most("minutes_10k_scenarios", scenarios, 30, "min", how)
    yield at_most("minutes_10k_total", total, 75, "min", how)


def _stages(both: Stretch) -> Iterator[Figure]:
    """Where the time goes."""
    for entries, unit, factor, count in (
        (both.anatomies, "s", 1, len(both.anatomies)),
        (both.shards, "ms", 1000, sum(len(entry.cases) for entry in both.shards)),
    ):
        spent: Counter[str] = Counter()
        for entry in entries:
            spent.update(entry.seconds)
        what = "heart" if unit == "s" else "case"
        for name, seconds in spent.most_common():
            label = f"{what}_{name.replace(' ', '_')}_{'seconds' if unit == 's' else 'ms'}"
            said = f"mean of a {what}; {both.how}"
            yield report(label.lower(), factor * seconds / count, unit, said)


def _scaling(recipe: Path, place: Path, both: Stretch) -> Figure:
    """The same cases on the same hearts by one worker alone."""
    alone = place / "alone"
    shutil.copytree(place / "both", alone)
    shutil.rmtree(alone / "shards")
    (alone / "shards").mkdir()
    (alone / "manifest.jsonl").unlink()
    for entry in read_entries(place / "both").values():
        if entry.kind == "anatomy":
            append_entry(alone, entry)
    one = Stretch.of(Cohort.make(recipe, None, alone, workers=1), 1)
    how = f"a case takes {1000 * one.case:.0f} ms by one worker, {1000 * both.case:.0f} ms by two"
    return at_least("scaling_per_core", one.case / both.case, 0.85, "", f"{how}; {both.how}")


def _reading(cohort: Cohort, place: Path) -> Iterator[Figure]:
    size = sum(entry.bytes for entry in _of_kind(cohort, "shard")) / len(cohort) / 1000
    how = f"recorded and clean ECG, zones, draws and summary; {len(cohort[0].zones):,} nodes"
    yield at_most("kilobytes_per_case", size, 40, "kB", how)
    large = _multiplied(cohort, place / "large")
    random = np.random.default_rng(0)
    orders = random.integers(0, len(large), (BATCHES, BATCH))
    # Every file has been opened once, as after the first pass over the data.
    large.batch([int(np.argmax(large.cases[:, 1] == k)) for k in np.unique(large.cases[:, 1])])
    spent = []
    for order in orders:
        started = time.perf_counter()
        large.batch(order)
        spent.append(1000 * (time.perf_counter() - started))
    shards = len(np.unique(large.cases[:, 1]))
    how = f"median of {BATCHES}, {len(large):,} cases in {shards} files; ECG and zones; "
    how += f"load {os.getloadavg()[0]:.1f}"
    yield at_most("batch64_ms", float(np.median(spent)), 20, "ms", how)


def _multiplied(cohort: Cohort, folder: Path) -> Cohort:
    """As many files as a cohort of 10,000 has: copies of those there are."""
    shards = _of_kind(cohort, "shard")
    own = cohort.stores[0].folder
    (folder / "shards").mkdir(parents=True)
    for number in range(HEARTS):
        entry = shards[number % len(shards)]
        cases = [number * len(entry.cases) + k for k in range(len(entry.cases))]
        copy = replace(entry, number=number, cases=cases)
        shutil.copyfile(entry.path(own), copy.path(folder))
        append_entry(folder, copy)
    write_header(folder, read_header(own))
    return Cohort.open(folder)


def _recipe(place: Path, quick: bool) -> Path:
    """Protocol H on a few hearts; where it must be quick, ten cases each on a coarse one."""
    text = shipped("hard").read_text()
    hearts = MEASURED_HEARTS
    text = text.replace(f"hearts = {HEARTS}", f"hearts = {hearts}")
    if quick:
        write_chunky_heart(place / "heart.vtu")
        files = ["heart.vtu"] * hearts
        text = text.replace("cases_per_heart = 50", f"cases_per_heart = {QUICK_CASES}")
        text = text.replace("[patients]", f"[patients]\nfiles = {files}")
        text = text.replace('"boundary_elements"', '"infinite_medium"')
    path = place / "recipe.toml"
    path.write_text(text)
    return path
