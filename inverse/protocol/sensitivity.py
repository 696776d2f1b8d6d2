"""How many infarcted segments are found when so many spared ones are left in peace."""

import numpy as np
from jaxtyping import Bool, Float


def sensitivity_at(
    said: Float[np.ndarray, "cases segments"],
    true: Bool[np.ndarray, "cases segments"],
    specificity: float,
) -> float:
    """Share of the true ones whose probability is above that of `specificity` of the others."""
    limit = np.quantile(said[~true], specificity)
    return float((said[true] > limit).mean())
