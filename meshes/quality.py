"""How well shaped tetrahedra are."""

import numpy as np
from jaxtyping import Float, Int


def scaled_jacobian(
    points: Float[np.ndarray, "points 3"], tetrahedra: Int[np.ndarray, "tets 4"]
) -> Float[np.ndarray, " tets"]:
    """Verdict's scaled Jacobian: 1 for a regular tetrahedron, 0 flat, negative inverted.

    sqrt(2) 6V / max(6V, the product of the three edges at a corner, over the corners).
    """
    a, b, c, d = (points[tetrahedra[:, corner]] for corner in range(4))
    ab, ac, ad, bc, bd, cd = b - a, c - a, d - a, c - b, d - b, d - c
    determinant = _dot(np.cross(ab, ac), ad)
    ab, ac, ad, bc, bd, cd = (_dot(edge, edge) for edge in (ab, ac, ad, bc, bd, cd))
    largest = np.maximum(
        np.maximum(ab * ac * ad, ab * bc * bd), np.maximum(ac * bc * cd, ad * bd * cd)
    )
    scale = np.maximum(np.maximum(np.sqrt(largest), np.abs(determinant)), 1e-300)
    return np.sqrt(2) * determinant / scale


def _dot(a, b):
    return np.einsum("nd,nd->n", a, b)
