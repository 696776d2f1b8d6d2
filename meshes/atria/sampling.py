"""A random left atrium, meshed and complete."""

from dataclasses import asdict
from importlib.metadata import version

import numpy as np
from jaxtyping import Int

from twin.meshes.anatomy.population import CENTROID
from twin.meshes.atria.completing import complete
from twin.meshes.atria.examination import check_atrium
from twin.meshes.atria.openings import find_openings
from twin.meshes.atria.population import draw_anatomy
from twin.meshes.atria.surfacing import surface
from twin.meshes.atrium import FROM_VENTRICLES, Atrium
from twin.meshes.errors import InputError
from twin.meshes.meshing.sheet import Sheet

USUAL_NODES = 30_000
USUAL_AREA = 7_900.0
"""mm2; only to turn a number of nodes into a spacing."""
NODES_PER_SQUARE = 1.55
"""Nodes of the surface for each square of its lattice."""
FINEST, COARSEST = 0.3, 2.5
ATTEMPTS = 20

CENTRE_SPREAD = 6.0
"""mm along each axis, about the centre of the ventricles and `FROM_VENTRICLES`."""

BURDEN_MEDIAN, BURDEN_SPREAD = 0.14, 0.55
LEAST_BURDEN, MOST_BURDEN = 0.02, 0.45


def sample_atrium(
    seed: int,
    *,
    nodes: int | None = None,
    spacing: float | None = None,
    fibrosis: float | None = None,
) -> Atrium:
    """A random left atrium in a body whose origin is midway between V1 and V2.

    The same seed gives the same bits. `spacing` (mm, of the lattice) or `nodes` chooses the
    resolution, about 30,000 nodes where neither is given; `fibrosis` is the share of the area that
    is fibrotic, drawn where it is not given. An anatomy with any finding is thrown away and drawn
    again.
    """
    spacing = _valid_spacing(nodes, spacing)
    if fibrosis is not None and not 0 <= fibrosis <= 0.9:
        raise InputError(f"fibrosis is {fibrosis!r}; expected a share between 0 and 0.9")
    random = np.random.default_rng(_valid_seed(seed))
    sheet, regions, found = sample_surface(random, spacing)
    middle = CENTROID + FROM_VENTRICLES
    centre = middle + CENTRE_SPREAD * np.clip(random.normal(size=3), -2, 2)
    drawn = float(np.exp(np.log(BURDEN_MEDIAN) + BURDEN_SPREAD * random.normal()))
    burden = float(np.clip(drawn, LEAST_BURDEN, MOST_BURDEN)) if fibrosis is None else fibrosis
    provenance = {
        "origin": "population",
        "seed": int(seed),
        "spacing": spacing,
        **found,
        "fibrosis": burden,
        "version": version("twin"),
    }
    return complete(sheet.points + centre, sheet.triangles, regions, burden, random, provenance)


def sample_surface(
    random: np.random.Generator, spacing: float
) -> tuple[Sheet, Int[np.ndarray, " tris"], dict[str, object]]:
    """The first surface drawn without a finding, about its own middle, and how it was found."""
    for redraws in range(ATTEMPTS):
        anatomy, variants = draw_anatomy(random)
        sheet, regions = surface(anatomy, spacing)
        try:
            openings = find_openings(sheet.triangles, regions)
        except InputError:
            continue
        if not check_atrium(sheet.points, sheet.triangles, regions, openings):
            return sheet, regions, {"redraws": redraws, **asdict(variants)}
    raise InputError(
        f"none of {ATTEMPTS} draws made a sound atrium at a spacing of "
        f"{spacing:g} mm; ask for a finer one"
    )


def _valid_spacing(nodes: int | None, spacing: float | None) -> float:
    if nodes is not None and spacing is not None:
        raise InputError("give either nodes or spacing, not both")
    if spacing is None:
        spacing = float(np.sqrt(NODES_PER_SQUARE * USUAL_AREA / max(nodes or USUAL_NODES, 1)))
    if not FINEST <= spacing <= COARSEST:
        coarsest, finest = (NODES_PER_SQUARE * USUAL_AREA / s**2 for s in (COARSEST, FINEST))
        raise InputError(
            f"the spacing would be {spacing:.3g} mm; expected {FINEST} to {COARSEST} mm, "
            f"about {coarsest:,.0f} to {finest:,.0f} nodes"
        )
    return spacing


def _valid_seed(seed: int) -> int:
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"seed is {seed!r}; expected a whole number, 0 or more")
    return int(seed)
