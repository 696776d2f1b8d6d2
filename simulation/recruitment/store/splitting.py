"""Parts of a cohort that share no patient, for training and honest testing."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from twin.meshes.errors import InputError


def parts_by_patient(
    patients: Int[np.ndarray, " cases"], shares: Sequence[float], seed: int
) -> list[Int[np.ndarray, " part"]]:
    """Cases of each part, in their order. Never by case: two infarcts of one heart tell of each
    other."""
    if min(shares, default=0) <= 0 or not np.isclose(sum(shares), 1):
        said = ", ".join(f"{share:g}" for share in shares)
        raise InputError(f"the shares are {said}; expected numbers over 0 that add up to 1")
    people = np.unique(patients)
    if len(people) < len(shares):
        raise InputError(
            f"{len(people)} patients cannot be split into {len(shares)} parts; make more hearts"
        )
    shuffled = np.random.default_rng(seed).permutation(people)
    cuts = np.rint(np.cumsum(shares)[:-1] * len(people)).astype(int)
    # Every part has someone, however small its share.
    for k in range(len(cuts)):
        least = cuts[k - 1] + 1 if k else 1
        cuts[k] = np.clip(cuts[k], least, len(people) - (len(cuts) - k))
    return [np.flatnonzero(np.isin(patients, part)) for part in np.split(shuffled, cuts)]
