"""A protocol: a cohort split by anatomy, on which every line of a table is scored alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from twin.inverse.protocol.part import Part, partner_cases
from twin.inverse.protocol.result import Result
from twin.inverse.protocol.rivals import template_rows
from twin.inverse.protocol.row import Row, Shuffled
from twin.inverse.protocol.table import Table
from twin.meshes.progress import Progress, silent
from twin.simulation.cohort import Cohort

SHARES = (0.7, 0.15, 0.15)
SEED = 0
"""Of the split and of whose ECG a shuffled row is shown."""


@dataclass(frozen=True, eq=False)
class Protocol:
    """`test` has the cases of `cohort.split(SHARES, SEED)[2]` in their order: a row's case 7 is
    that cohort's case 7."""

    name: str
    train: Part
    validation: Part
    test: Part

    @staticmethod
    def of(cohort: Cohort, name: str, progress: Progress = silent) -> "Protocol":
        parts = [Part.of(one, progress=progress) for one in cohort.split(SHARES, SEED)]
        return Protocol(name, *parts)

    def templates(self) -> list[Row]:
        """The rivals without a network."""
        return [*template_rows(self.train, self.validation, self.test)]

    @property
    def partners(self) -> Int[np.ndarray, " cases"]:
        return partner_cases(self.test, SEED)

    def shuffled(self, row: Row) -> Shuffled:
        """The row, shown the ECG of another heart's case."""
        return Shuffled(row, self.partners)

    def run(self, rows: Sequence[Row], folder: str | Path, progress: Progress = silent) -> Table:
        """The table of these rows and of all that were scored into `folder` before, which is
        rewritten after each."""
        kept = Path(folder) / "rows"
        for row in rows:
            Result.of(row, self.test, progress).write(kept)
        table = Table.of(self.name, self.scored(folder))
        table.write(folder)
        return table

    def scored(self, folder: str | Path) -> list[Result]:
        """What was scored into `folder`, of this test part; of another it is left out."""
        paths = sorted((Path(folder) / "rows").glob("*.safetensors"))
        found = [Result.read(path) for path in paths]
        seeds = self.test.table["seed"]
        return [one for one in found if np.array_equal(one.seeds, seeds)]
