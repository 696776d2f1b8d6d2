"""What a cohort consists of, before any of it is made: which case lies on which heart, from which
seed, in which file. A pure function of recipe, count and seed."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.simulation.recruitment.recipe import Recipe

CASES_PER_SHARD = 50
"""Half a minute of work: what a killed worker loses."""

MOST_CASES = 10_000_000
ANATOMY, CASE = 0, 1


@dataclass(frozen=True)
class Shard:
    """Consecutive cases of one anatomy, which lie in one file."""

    number: int
    anatomy: int
    cases: range


@dataclass(frozen=True)
class Plan:
    """Cases 0 to `count` - 1, `recipe.cases_per_heart` on each heart in turn.

    A case's seed and heart depend on its number and on the cohort's seed alone, so that a longer
    cohort begins with the cases of a shorter one.
    """

    recipe: Recipe
    count: int
    seed: int = 0
    cases_per_shard: int = CASES_PER_SHARD

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_CASES:
            raise InputError(f"{self.count:,} cases were asked for; expected 1 to {MOST_CASES:,}")
        if not 0 <= self.seed < 2**53:
            raise InputError(f"the seed is {self.seed}; expected 0 to 2**53 - 1")
        if not 1 <= self.cases_per_shard <= MOST_CASES:
            raise InputError(f"{self.cases_per_shard} cases a file; expected 1 or more")

    @property
    def anatomies(self) -> int:
        """How many hearts."""
        return -(-self.count // self.recipe.cases_per_heart)

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        each = self.recipe.cases_per_heart
        pieces = [
            (anatomy, cases[first : first + self.cases_per_shard])
            for anatomy in range(self.anatomies)
            for cases in [range(anatomy * each, min((anatomy + 1) * each, self.count))]
            for first in range(0, len(cases), self.cases_per_shard)
        ]
        return tuple(Shard(number, *piece) for number, piece in enumerate(pieces))

    def place(self, case: int) -> int:
        """Which case of its heart it is, counted from 0."""
        return case % self.recipe.cases_per_heart

    def anatomy_seed(self, anatomy: int) -> int:
        return _seed(self.seed, ANATOMY, anatomy)

    def case_seed(self, case: int) -> int:
        return _seed(self.seed, CASE, case)


def anatomy_file(folder: Path, number: int) -> Path:
    return folder / "anatomies" / f"{number:05d}.h5"


def shard_file(folder: Path, number: int) -> Path:
    return folder / "shards" / f"{number:05d}.h5"


def _seed(seed: int, kind: int, number: int) -> int:
    """53 bits, which JSON and double precision hold exactly."""
    words = np.random.SeedSequence(seed, spawn_key=(kind, number)).generate_state(2)
    return int(words[0]) << 21 | int(words[1]) >> 11
