"""When each node of a heart is activated, and from what that was computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int


class Reached(IntEnum):
    """Whether the front came to a node, and if not, why."""

    YES = 0
    BLOCKED = 1
    """All tissue at the node is blocked."""
    CUT_OFF = 2
    """Blocked tissue lies all around the conducting tissue that the node is part of."""


@dataclass(frozen=True, eq=False)
class Activation:
    """Activation times in ms at the nodes of a heart; infinite where no front comes.

    `reached` says of each node whether, or why not. `sources` are places in mm, activated at
    `source_times`. `provenance` holds the heart's content hash and the version.
    """

    times: Float[np.ndarray, " points"]
    reached: Int[np.ndarray, " points"]
    sources: Float[np.ndarray, "sources 3"]
    source_times: Float[np.ndarray, " sources"]
    provenance: Mapping[str, object] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """From the first to the last activation, ms."""
        finite = self.times[np.isfinite(self.times)]
        return float(finite.max() - finite.min())

    @property
    def remarks(self) -> tuple[str, ...]:
        """In plain words, why nodes were not reached."""
        texts = {
            Reached.BLOCKED: "lie in blocked tissue",
            Reached.CUT_OFF: "are cut off from every source by blocked tissue",
        }
        counts = {reason: int((self.reached == reason).sum()) for reason in texts}
        nodes = len(self.times)
        return tuple(f"{n:,} of {nodes:,} nodes {texts[r]}" for r, n in counts.items() if n)
