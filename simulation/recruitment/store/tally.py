"""How far a run is: cases made, cases a second, and the time left."""

import time
from collections.abc import Iterable

from twin.meshes.progress import Progress, silent
from twin.simulation.recruitment.plan import Plan
from twin.simulation.recruitment.store.manifest import Entry

ANATOMY_IN_CASES = 50.0
"""What a heart costs beside a case, until both have been seen."""


class Tally:
    """Counts entries as they come, and tells `progress`."""

    def __init__(
        self, plan: Plan, done: Iterable[Entry], workers: int, progress: Progress = silent
    ) -> None:
        self.plan, self.workers, self.progress = plan, workers, progress
        self.seconds = {"anatomy": 0.0, "shard": 0.0}
        self.made = {"anatomy": 0, "shard": 0}
        self.before = 0
        self.started = time.monotonic()
        for entry in done:
            self._count(entry)
        self.before = self.made["shard"]

    def watch(self, entry: Entry | None) -> None:
        if entry:
            self._count(entry)
        self.progress(self.text, self.fraction)

    @property
    def rate(self) -> float:
        """Cases a second of this run, hearts included."""
        return (self.made["shard"] - self.before) / max(time.monotonic() - self.started, 1e-9)

    @property
    def fraction(self) -> float:
        """By the time that the work takes, not by its pieces."""
        done, left = self._work(self.made), self._work(self._left)
        return done / max(done + left, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """None until a heart and its cases have been made."""
        if not self.seconds["shard"]:
            return None
        return self._work(self._left) / self.workers

    @property
    def text(self) -> str:
        hearts = f"{self.made['anatomy']:,} of {self.plan.anatomies:,} hearts"
        cases = f"{self.made['shard']:,} of {self.plan.count:,} cases"
        left = self.seconds_left
        if left is None:
            return f"{hearts}, {cases}"
        return f"{hearts}, {cases}, {self.rate:.2g} a second, {_clock(left)} left"

    def _count(self, entry: Entry) -> None:
        """What has failed is done, too."""
        count = len(entry.cases) + len(entry.failures)
        if entry.failed:
            count = len(self.plan.shards[entry.number].cases) if entry.kind == "shard" else 1
        self.made[entry.kind] += count if entry.kind == "shard" else 1
        self.seconds[entry.kind] += sum(
            entry.seconds.get(name, 0.0) for name in ("patient", "reading", "cases", "writing")
        )

    @property
    def _left(self) -> dict[str, int]:
        return {
            "anatomy": self.plan.anatomies - self.made["anatomy"],
            "shard": self.plan.count - self.made["shard"],
        }

    def _work(self, counts: dict[str, int]) -> float:
        """Seconds of one worker, or cases while nothing is known."""
        case = self.seconds["shard"] / self.made["shard"] if self.made["shard"] else 0.0
        heart = self.seconds["anatomy"] / self.made["anatomy"] if self.made["anatomy"] else 0.0
        case = case or heart / ANATOMY_IN_CASES or 1.0
        return counts["anatomy"] * (heart or ANATOMY_IN_CASES * case) + counts["shard"] * case


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
