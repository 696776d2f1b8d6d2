"""infarct.vtu: the heart with what was found at its nodes."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from twin.inverse.finding import Finding
from twin.meshes.formats import write_grid
from twin.meshes.formats.grid import Grid
from twin.report.record import NOTICE, hashes_of, plain
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.record import infarct_grid


def write_infarct(finding: Finding, path: Path) -> None:
    """As `Infarct.write` does it, with the probabilities beside the zones."""
    write_grid(grid_of_finding(finding), path)


def grid_of_finding(finding: Finding) -> Grid:
    """infarct_zone: 0 healthy, 1 border zone, 2 scar, as decided; spread: how far the samples
    differ (`Posterior.spread`)."""
    grid, posterior = infarct_grid(infarct_of_finding(finding), finding.heart), finding.posterior
    likely = {
        "probability_healthy": posterior.probabilities[:, Zone.HEALTHY],
        "probability_border_zone": posterior.probabilities[:, Zone.BORDER],
        "probability_scar": posterior.probabilities[:, Zone.SCAR],
        "spread": posterior.spread,
    }
    fields = {name: values.astype(np.float32) for name, values in likely.items()}
    return replace(grid, point_fields={**grid.point_fields, **fields})


def infarct_of_finding(finding: Finding) -> Infarct:
    """How old it is, an ECG's QRS-T does not say for certain: it is written as a healed one."""
    verdict = finding.verdict
    provenance = {
        "origin": "inferred from an ECG",
        "verdict": verdict.answer.value,
        "reason": verdict.reason,
        "notice": NOTICE,
        "inputs": dict(finding.origin),
        "hashes": hashes_of(finding),
    }
    return Infarct(finding.posterior.zones, provenance=plain(provenance))  # type: ignore[arg-type]
