"""The finding in numbers: strict JSON, in which what is not known is null."""

import json
import math
from collections.abc import Iterable, Mapping
from enum import Enum
from importlib.metadata import version

import numpy as np

from twin.inverse.finding import LEADS, RATE, START, Finding
from twin.inverse.posterior import INVOLVED, LEVEL, Estimate, Segment
from twin.meshes.files import content_hash
from twin.report.markup import readable
from twin.report.summary import MISFIT, Summary, territory_of

NOTICE = "For research use only. Not a medical device; not for diagnosis or treatment."


def record_of(finding: Finding) -> dict[str, object]:
    """Everything but the fields over the heart, which infarct.vtu holds, and the curves."""
    summary, posterior = Summary(finding), finding.posterior
    verdict = finding.verdict
    return {
        "notice": NOTICE,
        "verdict": {
            "answer": verdict.answer.name.lower(),
            "says": verdict.answer.value,
            "reason": verdict.reason,
            "confidence": verdict.confidence,
        },
        "probability_of_no_infarct": posterior.healthy,
        "interval_level": LEVEL,
        "scar_percent_of_left_ventricle": _estimate(posterior.burden),
        "transmurality_percent_of_wall": _estimate(posterior.transmurality),
        "involved_from_share": INVOLVED,
        "segments": [_segment(segment, summary) for segment in posterior.segments],
        "territories": summary.territories,
        "ecg": _ecg(summary),
        "refinement": _refinement(finding),
        "explanation": _explanation(finding),
        "warnings": list(finding.warnings),
        "card": finding.card,
        "origin": finding.origin,
        "seconds": finding.seconds,
        "version": version("twin"),
        "hashes": hashes_of(finding),
    }


def hashes_of(finding: Finding) -> dict[str, str]:
    """SHA-256 of what went in and what came out."""
    return {
        "heart": finding.heart.content,
        "measured_beat": content_hash(finding.measured),
        "zones": content_hash(finding.posterior.zones.astype(np.int8)),
        "probabilities": content_hash(finding.posterior.probabilities),
    }


def write_record(finding: Finding) -> str:
    return json.dumps(plain(record_of(finding)), indent=1, allow_nan=False) + "\n"


def plain(value: object) -> object:
    """As JSON has it, whatever a card or an origin holds."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {readable(key): plain(one) for key, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(one) for one in value]
    return readable(value)


def _estimate(estimate: Estimate) -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _segment(segment: Segment, summary: Summary) -> dict[str, object]:
    explanation = summary.finding.explanation
    there = bool(summary.present[segment.number - 1])
    shares = {} if explanation is None else explanation.by_segment[segment.number - 1]
    return {
        "number": segment.number,
        "name": segment.name,
        "territory": territory_of(segment.number),
        "in_mesh": there,
        "scar_percent": _estimate(segment.scar) if there else None,
        "probability_involved": segment.involved if there else None,
        "lead_shares": dict(zip(LEADS, shares, strict=True)) if len(shares) else None,
    }


def _ecg(summary: Summary) -> dict[str, object]:
    fit = summary.fit
    return {
        "leads": LEADS,
        "missing_leads": summary.missing_leads,
        "rate_hz": RATE,
        "start_ms": START,
        "samples": summary.finding.measured.shape[1],
        "compared_with": f"this heart simulated {fit.simulated}",
        "residual": fit.residual,
        "residual_by_lead": fit.by_lead,
        "misfit_from": MISFIT,
        "fits_this_heart": not fit.misfit if fit.tested else None,
    }


def _refinement(finding: Finding) -> dict[str, object] | None:
    refinement = finding.refinement
    if refinement is None:
        return None
    return {
        "kept": refinement.kept,
        "reason": refinement.reason,
        "residual_before": refinement.residual_before,
        "residual_after": refinement.residual_after,
    }


def _explanation(finding: Finding) -> dict[str, object] | None:
    explanation = finding.explanation
    if explanation is None:
        return None
    most, random = explanation.deletion
    return {
        "scar_percent_lost_without_most_relevant_moments": most,
        "scar_percent_lost_without_random_moments": random,
        "relevance_by_lead": dict(
            zip(LEADS, np.nan_to_num(explanation.relevance).sum(axis=1), strict=True)
        ),
    }
