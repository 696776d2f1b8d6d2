"""What became of a line of the table: figures case by case, and their means with intervals."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from twin.inverse.protocol.part import Part
from twin.inverse.protocol.row import Row, answer_of, intervals_of
from twin.inverse.scores import (
    Interval,
    calibration_of,
    reliability,
    score,
    summarise,
    true_figures,
)
from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.progress import Progress, silent

DRAWS = 1000
"""Of anatomies, for intervals."""


@dataclass(frozen=True, eq=False)
class Result:
    """`figures` have a row a case; `seeds` say of which test cases they are."""

    name: str
    figures: list[dict[str, float]]
    reliability: Float[np.ndarray, "cases 3 bins"]
    anatomies: Int[np.ndarray, " cases"]
    seeds: Int[np.ndarray, " cases"]

    @staticmethod
    def of(row: Row, part: Part, progress: Progress = silent) -> "Result":
        figures, sums = [], []
        for case in range(len(part)):
            probabilities = row.probabilities(case)
            answer = answer_of(row, case, probabilities=probabilities)
            own = score(part.truth(case), probabilities, answer)
            figures.append(_named(own, part, case) | _covered(intervals_of(row, case), part, case))
            sums.append(reliability(probabilities, part.zones[case]))
            progress(row.name, (case + 1) / len(part))
        return Result(row.name, figures, np.stack(sums), part.anatomy, part.table["seed"])

    def summary(self) -> dict[str, Interval]:
        """By name, with 95 % intervals from drawing whole anatomies anew."""
        known = summarise(self.figures, self.anatomies, DRAWS)
        return known | {"calibration_error": self._calibration()}

    def _calibration(self) -> Interval:
        hearts = np.unique(self.anatomies)
        sums = np.stack([self.reliability[self.anatomies == k].sum(axis=0) for k in hearts])
        picks = np.random.default_rng(0).integers(len(hearts), size=(DRAWS, len(hearts)))
        drawn = calibration_of(np.stack([sums[pick].sum(axis=0) for pick in picks]))
        low, high = np.percentile(drawn, [2.5, 97.5])
        return Interval(float(calibration_of(sums.sum(axis=0))), float(low), float(high))

    def write(self, folder: str | Path) -> Path:
        """As a file of its own, from which a table is made without scoring again."""
        names = list(dict.fromkeys(name for case in self.figures for name in case))
        columns = {n: np.array([case.get(n, np.nan) for case in self.figures]) for n in names}
        own = {f"figure_{name}": values for name, values in columns.items()}
        path = Path(folder) / f"{re.sub('[^a-z0-9]+', '_', self.name.lower())}.safetensors"
        kept = {"reliability": self.reliability, "anatomies": self.anatomies, "seeds": self.seeds}
        with whole_file(path) as part:
            part.write_bytes(save(kept | own, {"name": self.name}))
        return path

    @staticmethod
    def read(path: str | Path) -> "Result":
        try:
            with safe_open(path, "numpy") as file:
                kept = {name: file.get_tensor(name) for name in list(file.keys())}
                named = file.metadata()["name"]
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} cannot be read ({error}); score that row again") from None
        prefix = "figure_"
        names = [name for name in kept if name.startswith(prefix)]
        rows = zip(*(kept[name].tolist() for name in names), strict=True)
        short = [name.removeprefix(prefix) for name in names]
        # A figure that a case does not have is NaN in the file and absent here.
        figures = [{n: v for n, v in zip(short, row, strict=True) if v == v} for row in rows]
        own = (kept["reliability"], kept["anatomies"], kept["seeds"])
        return Result(named, figures, *own)


def _named(figures: Mapping[str, float], part: Part, case: int) -> dict[str, float]:
    """To be called healthy is right in one case and wrong in the other."""
    found = dict(figures)
    said = found.pop("answered_healthy")
    return found | ({"false_positive": 1 - said} if part.healthy[case] else {"missed": said})


def _covered(
    intervals: Mapping[str, tuple[float, float]], part: Part, case: int
) -> dict[str, float]:
    """Share of the stated intervals, by kind, that hold the true value."""
    hits: dict[str, list[bool]] = {}
    depth = part.table["transmurality"][case]
    known = true_figures(part.truth(case), depth) if intervals else {}
    for name, (low, high) in intervals.items():
        true = known[name]
        kind = "segments" if name.startswith("segment") else name
        if np.isfinite([true, low, high]).all():
            hits.setdefault(f"coverage_{kind}", []).append(low <= true <= high)
    return {name: float(np.mean(each)) for name, each in hits.items()}
