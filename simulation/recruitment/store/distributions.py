"""How a cohort's numbers and words are spread."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from twin.simulation.cohort import Cohort

IDENTITIES = ("case", "seed", "patient")
MOST_WORDS = 20


def distributions_of(cohort: "Cohort") -> dict[str, dict[str, Any]]:
    """For each column of the table that says anything: quantiles, or how often each word is
    there."""
    columns = {k: v for k, v in cohort.table().items() if k not in IDENTITIES}
    return {name: _spread(values) for name, values in columns.items() if _says(values)}


def _says(values: np.ndarray) -> bool:
    return len(values) > 0 and (values.dtype.kind != "f" or bool(np.isfinite(values).any()))


def _spread(values: np.ndarray) -> dict[str, Any]:
    if values.dtype.kind in "Ub":
        words, counts = np.unique(values, return_counts=True)
        most = np.argsort(-counts)[:MOST_WORDS]
        return {"words": {str(words[k]) or "none": int(counts[k]) for k in most}}
    known = values[np.isfinite(values)]
    missing = int(len(values) - len(known))
    low, middle, high = np.percentile(known, [5, 50, 95]).tolist()
    return {"p05": low, "median": middle, "p95": high, "missing": missing}
