"""How fast a mesh is examined, and how many of its possible faults are found and mended."""

import time
from collections.abc import Iterator

from twin.benchmarks.broken import BROKEN, sound
from twin.benchmarks.figure import Figure, at_least, at_most
from twin.meshes.checking.check import check
from twin.meshes.checking.repair import repair
from twin.meshes.volume import Volume

SECONDS = 2.0


def figures(quick: bool) -> Iterator[Figure]:
    volume = sound(3 if quick else 9)
    seconds = min(_seconds(volume) for _ in range(3))
    said = f"check of {len(volume.points):,} nodes with labels and fibres, best of 3, wall clock"
    yield at_most("check_100k_seconds", seconds, SECONDS, "s", said)

    healthy = sound()
    found, mended = 0, 0
    mendable = [broken for broken in BROKEN if broken.mendable]
    for broken in BROKEN:
        faulty = broken.make(healthy)
        findings = {finding.name: finding.count for finding in check(faulty)}
        found += findings.get(broken.name) == broken.count
        if broken.mendable:
            mended += not check(repair(faulty, unit=broken.unit)[0])
    said = f"{len(BROKEN)} faults made in a sound mesh, named and counted"
    yield at_least("faults_found_share", found / len(BROKEN), 1.0, "", said)
    said = f"{len(mendable)} mendable faults, sound after repair"
    yield at_least("faults_mended_share", mended / len(mendable), 1.0, "", said)


def _seconds(volume: Volume) -> float:
    started = time.perf_counter()
    check(volume)
    return time.perf_counter() - started
