"""What follows from a finding and is said on the page and in the record alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from twin.inverse.beat import levelled
from twin.inverse.finding import LEADS, Answer, Finding
from twin.inverse.lattice import LATTICE
from twin.inverse.posterior import Segment
from twin.simulation.infarct import Zone
from twin.simulation.infarction.places import Artery

MISFIT = 0.8
"""Relative RMS from which the page says that the ECG does not fit this heart. Virtual patients of
protocol H, whose speeds, electrodes and noise nobody knows, stay below it (29 of the test hearts:
0.78 at most before refinement); a flat line has 1."""

LIKELY = 0.5
"""Probability from which a segment is named as infarcted."""


@dataclass(frozen=True)
class Fit:
    """How far a simulated ECG is from the measured one: RMS of the difference over that of the
    measured one, over all leads given and of each; NaN where nothing was measured.

    `tested` says whether this tells if the ECG fits the heart: the heart without an infarct tells
    nothing of one with it.
    """

    simulated: str
    residual: float
    by_lead: Mapping[str, float]
    tested: bool

    @property
    def misfit(self) -> bool:
        return self.tested and not self.residual < MISFIT


@dataclass(frozen=True, eq=False)
class Summary:
    finding: Finding

    @cached_property
    def territories(self) -> dict[str, float]:
        """Of infarcts that would explain the ECG: how likely most of the scar lies in what each
        artery usually supplies. NaN where none of them has any scar in the left ventricle."""
        posterior = self.finding.posterior
        arteries = list(Artery)
        supplied = np.stack([np.isin(LATTICE.segments, artery.value) for artery in arteries])
        scar = posterior.samples == Zone.SCAR
        masses = scar @ (supplied * posterior.placement.masses).T
        some = masses.sum(axis=1) > 0
        share = posterior.weights * some
        most = np.bincount(masses.argmax(axis=1), share, len(arteries))
        with np.errstate(invalid="ignore"):
            chances = most / share.sum()
        return {_name(artery): float(p) for artery, p in zip(arteries, chances, strict=True)}

    @cached_property
    def measured(self) -> Float[np.ndarray, "8 time"]:
        """mV, 0 before the QRS."""
        return levelled(self.finding.measured)

    @cached_property
    def simulated(self) -> Float[np.ndarray, "8 time"]:
        """What it is compared with: of the infarct shown, or of this heart without one."""
        refinement = self.finding.refinement
        return levelled(refinement.resimulated if refinement else self.finding.healthy_ecg)

    @cached_property
    def fit(self) -> Fit:
        finding = self.finding
        refined = finding.refinement is not None
        by_lead = {
            lead: relative_rms(one[None], other[None])
            for lead, one, other in zip(LEADS, self.measured, self.simulated, strict=True)
        }
        residual = relative_rms(self.measured, self.simulated)
        if finding.refinement is not None:
            residual = finding.refinement.residual_after
        return Fit(
            "with the infarct shown" if refined else "without an infarct",
            float(residual),
            by_lead,
            refined or finding.verdict.answer is Answer.HEALTHY,
        )

    @cached_property
    def involved(self) -> tuple[Segment, ...]:
        """Segments that are infarcted rather than not, the likeliest first."""
        likely = [s for s in self.finding.posterior.segments if s.involved >= LIKELY]
        return tuple(sorted(likely, key=lambda s: -s.involved))

    @cached_property
    def present(self) -> Bool[np.ndarray, " 17"]:
        """Which segments the heart's mesh has."""
        return np.isin(np.arange(1, 18), self.finding.heart.segments)

    @property
    def missing_leads(self) -> tuple[str, ...]:
        """Leads that were not given, of those that are used."""
        given = np.isfinite(self.finding.measured).any(axis=1)
        return tuple(lead for lead, there in zip(LEADS, given, strict=True) if not there)


def relative_rms(
    measured: Float[np.ndarray, "leads time"], simulated: Float[np.ndarray, "leads time"]
) -> float:
    """RMS of the difference over RMS of the measured, where there is a measured sample."""
    given = np.isfinite(measured) & np.isfinite(simulated)
    power = np.square(measured[given]).sum()
    if power == 0:
        return float("nan")
    return float(np.sqrt(np.square(measured[given] - simulated[given]).sum() / power))


def territory_of(segment: int) -> str:
    """The artery that usually supplies it (Cerqueira et al. 2002)."""
    return next(_name(artery) for artery in Artery if segment in artery.value)


def _name(artery: Artery) -> str:
    return {Artery.LCX: "LCx"}.get(artery, artery.name)
