"""What is gained by answering only where the model is sure."""

import numpy as np
from jaxtyping import Float


def selective_gain(
    scores: Float[np.ndarray, " cases"], confidence: Float[np.ndarray, " cases"], kept: float = 0.5
) -> float:
    """Mean score of the share of cases that it is surest of, less that of all; NaN scores (healthy
    hearts) do not count."""
    known = np.isfinite(scores)
    scores, confidence = scores[known], confidence[known]
    surest = np.argsort(-confidence, kind="stable")[: max(1, round(kept * len(scores)))]
    return float(scores[surest].mean() - scores.mean())
