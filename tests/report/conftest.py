"""A finding made up on a small heart: no network, no simulation."""

from dataclasses import replace

import numpy as np
import pytest

from twin.benchmarks.chunky_heart import SPACING, WALLS
from twin.inverse.finding import (
    LEADS,
    RATE,
    START,
    Answer,
    Explanation,
    Finding,
    Refinement,
    Verdict,
)
from twin.inverse.lattice import Placement
from twin.inverse.posterior import Posterior
from twin.meshes.build import build_heart
from twin.meshes.meshing.lattice import mesh_solid
from twin.report import location
from twin.report.views import draw_views
from twin.report.writing import write_report
from twin.simulation.infarct import Infarct
from twin.simulation.infarction.places import Artery, Territory

SAMPLES = 6


@pytest.fixture(scope="session")
def heart():
    return build_heart(mesh_solid(WALLS.solid, spacing=SPACING))


@pytest.fixture(scope="session")
def posterior(heart):
    """What the infarcts of one artery have in common."""
    placement = Placement.of(heart)
    place = Territory(Artery.LAD)
    infarcts = [
        Infarct.sample(heart, seed, place=place, mass=0.15, transmurality=0.8)
        for seed in range(SAMPLES)
    ]
    certain = np.stack([np.eye(3)[infarct.zones] for infarct in infarcts])
    return Posterior(
        placement,
        certain.mean(axis=0),
        np.stack([placement.gather(one).argmax(axis=1) for one in certain]),
        np.full(SAMPLES, 1 / SAMPLES),
        healthy=0.02,
        spread=certain[:, :, 2].std(axis=0),
        margins={"burden": 1.0},
    )


@pytest.fixture(scope="session")
def finding(heart, posterior):
    healthy, measured = beats()
    relevance = measured - healthy
    shares = np.random.default_rng(0).dirichlet(np.ones(len(LEADS)), 17)
    return Finding(
        heart,
        posterior,
        Verdict(Answer.INFARCT, "the members of the ensemble agree", 0.63),
        measured,
        healthy,
        Refinement(True, "it came nearer", 0.41, 0.23, healthy + 0.8 * relevance),
        Explanation(relevance, shares, (0.31, 0.06)),
        ("V3 and V4 look exchanged", "no torso was given"),
        {"name": "a model", "tested": {"scar Dice": 0.68}},
        {"heart": {"file": "heart.vtu"}, "ecg": "patient.xml"},
        {"network": 0.4},
    )


@pytest.fixture(scope="session")
def healthy_finding(finding):
    posterior = finding.posterior
    nothing = np.eye(3)[np.zeros(len(posterior.spread), int)]
    none = replace(
        posterior, probabilities=nothing, samples=0 * posterior.samples, healthy=0.94, margins={}
    )
    verdict = Verdict(Answer.HEALTHY, "nothing speaks for scar", 0.94)
    return replace(
        finding, posterior=none, verdict=verdict, refinement=None, explanation=None, warnings=()
    )


@pytest.fixture(scope="session")
def unknown_finding(finding):
    """Two leads missing, and a heart that the ECG does not fit."""
    measured = finding.measured.copy()
    measured[[1, 4]] = np.nan
    kept = replace(finding.refinement, kept=False, reason="none came nearer", residual_after=0.8)
    verdict = Verdict(Answer.UNKNOWN, "the ECG does not fit this heart", float("nan"))
    return replace(finding, measured=measured, refinement=kept, verdict=verdict)


@pytest.fixture(scope="session")
def folders(finding, healthy_finding, unknown_finding, tmp_path_factory):
    """A report for each answer. Two have the same views, which are drawn once."""
    drawn = {}

    def draw_once(finding):
        key = id(finding.posterior)
        drawn[key] = drawn.get(key) or draw_views(finding)
        return drawn[key]

    written = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(location, "draw_views", draw_once)
        for one in (finding, healthy_finding, unknown_finding):
            answer = one.verdict.answer
            written[answer] = tmp_path_factory.mktemp(answer.name.lower())
            write_report(one, written[answer])
    return written


def beats():
    """Of this heart in health, and of another with a late part."""
    times = START + np.arange(300) * 1000 / RATE
    size = np.array([0.6, 0.9, -0.8, -0.6, 0.2, 0.8, 1.1, 0.9])[:, None]
    late = np.linspace(-0.3, 0.3, len(LEADS))[:, None]
    wave = np.exp(-(((times - 300) / 40) ** 2))
    healthy = size * np.exp(-(((times - 40) / 15) ** 2)) + 0.2 * wave
    return healthy, healthy + late * np.exp(-(((times - 70) / 20) ** 2))
