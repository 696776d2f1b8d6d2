"""What is still to be done, and in which order: a shard when its anatomy is there."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twin.simulation.recruitment.plan import Plan
from twin.simulation.recruitment.store.manifest import Entry, Kind, read_entries

MOST_DEATHS = 3
"""A task that has ended so many workers is given up."""


@dataclass(frozen=True)
class Task:
    """One file to make."""

    kind: Kind
    number: int
    anatomy: int


class Schedule:
    """Hands out tasks, the shards of anatomies that are there first: cases appear early, and what
    is wrong with them too."""

    def __init__(self, plan: Plan, done: Mapping[tuple[Kind, int], Entry]) -> None:
        self.anatomies: deque[Task] = deque()
        self.ready: deque[Task] = deque()
        self.waiting: dict[int, list[Task]] = {}
        self.running: set[Task] = set()
        self.deaths: Counter[Task] = Counter()
        for shard in plan.shards:
            if ("shard", shard.number) in done:
                continue
            task = Task("shard", shard.number, shard.anatomy)
            if ("anatomy", shard.anatomy) in done:
                self.ready.append(task)
            else:
                self.waiting.setdefault(shard.anatomy, []).append(task)
        # An anatomy all of whose shards are there is still part of the cohort.
        absent = [k for k in range(plan.anatomies) if ("anatomy", k) not in done]
        self.anatomies.extend(Task("anatomy", k, k) for k in absent)

    @property
    def unfinished(self) -> bool:
        return bool(self.ready or self.anatomies or self.running)

    @property
    def anatomies_left(self) -> list[int]:
        """Those of which anything is still to be made."""
        tasks = [*self.anatomies, *self.ready, *self.running]
        return sorted({task.anatomy for task in tasks} | set(self.waiting))

    def take(self, anatomy: int | None = None) -> Task | None:
        """The next task, of this anatomy if there is one; None while all that is left waits."""
        same = next((task for task in self.ready if task.anatomy == anatomy), None)
        if same:
            self.ready.remove(same)
        elif self.ready or self.anatomies:
            same = (self.ready or self.anatomies).popleft()
        if same:
            self.running.add(same)
        return same

    def finish(self, task: Task) -> None:
        self.running.discard(task)
        if task.kind == "anatomy":
            self.ready.extend(self.waiting.pop(task.number, ()))

    def give_up(self, task: Task) -> list[Task]:
        """The shards that can therefore not be made either."""
        self.running.discard(task)
        return self.waiting.pop(task.number, []) if task.kind == "anatomy" else []

    def lose(self, task: Task) -> bool:
        """A worker died of or with this task: whether it is to be tried again, and then is next."""
        self.running.discard(task)
        self.deaths[task] += 1
        again = self.deaths[task] < MOST_DEATHS
        if again:
            (self.anatomies if task.kind == "anatomy" else self.ready).appendleft(task)
        return again


def whole_entries(folder: Path, plan: Plan) -> dict[tuple[Kind, int], Entry]:
    """What is there as it was written; what is missing, damaged or had failed is not among it."""
    planned: set[tuple[Kind, int]] = {("shard", shard.number) for shard in plan.shards}
    planned |= {("anatomy", number) for number in range(plan.anatomies)}
    return {
        key: entry
        for key, entry in read_entries(folder).items()
        if key in planned and not entry.failed and not entry.fault(folder)
    }
