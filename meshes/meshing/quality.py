"""How well shaped tetrahedra are."""

import numpy as np
from jaxtyping import Float, Int

BATCH = 32_768
"""Tetrahedra handled at once: their intermediate results stay in the processor's cache."""


def scaled_jacobian(
    points: Float[np.ndarray, "points 3"], tetrahedra: Int[np.ndarray, "tets 4"]
) -> Float[np.ndarray, " tets"]:
    """Verdict's scaled Jacobian: 1 for a regular tetrahedron, 0 flat, negative inverted.

    sqrt(2) 6V / max(6V, the product of the three edges at a corner, over the corners).
    """
    batches = [tetrahedra[first : first + BATCH] for first in range(0, len(tetrahedra), BATCH)]
    return np.concatenate([np.zeros(0), *(_batch(points, batch) for batch in batches)])


def _batch(points, tetrahedra):
    a, b, c, d = np.ascontiguousarray(points[tetrahedra].transpose(1, 2, 0))
    ab, ac, ad, bc, bd, cd = b - a, c - a, d - a, c - b, d - b, d - c
    determinant = (
        ab[0] * (ac[1] * ad[2] - ac[2] * ad[1])
        + ab[1] * (ac[2] * ad[0] - ac[0] * ad[2])
        + ab[2] * (ac[0] * ad[1] - ac[1] * ad[0])
    )
    ab, ac, ad, bc, bd, cd = ((edge * edge).sum(axis=0) for edge in (ab, ac, ad, bc, bd, cd))
    largest = np.maximum(
        np.maximum(ab * ac * ad, ab * bc * bd), np.maximum(ac * bc * cd, ad * bd * cd)
    )
    scale = np.maximum(np.maximum(np.sqrt(largest), np.abs(determinant)), 1e-300)
    return np.sqrt(2) * determinant / scale
