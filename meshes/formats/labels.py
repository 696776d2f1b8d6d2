"""Names that others give to the parts of a heart's boundary, and ours in files that name parts."""

import re

from twin.meshes.heart import Boundary

WALL = "[ _.-]*(endo|surf|face|cavity|$)"
PATTERNS = (
    (Boundary.LV_ENDOCARDIUM, rf"^(lv|left.*){WALL}|endo\w*[ _.-]*(lv|left)"),
    (Boundary.RV_ENDOCARDIUM, rf"^(rv|right.*){WALL}|endo\w*[ _.-]*(rv|right)"),
    (Boundary.EPICARDIUM, r"epi"),
    (Boundary.BASE, r"base|basal|valve|annul"),
)

SHORT_NAMES = {
    Boundary.BASE: "base",
    Boundary.EPICARDIUM: "epi",
    Boundary.LV_ENDOCARDIUM: "lvendo",
    Boundary.RV_ENDOCARDIUM: "rvendo",
}
"""What CARP's users call the surfaces."""


def label_named(name: str) -> int:
    """The `Boundary` that a surface's name means, 0 where it means none: 'lv_endo', 'epi' ..."""
    for label, pattern in PATTERNS:
        if re.search(pattern, name.strip().lower()):
            return int(label)
    return 0
