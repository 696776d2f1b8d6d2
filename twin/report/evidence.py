"""How the answer stands to the measured ECG: the re-simulated beat, and what spoke for scar."""

import math

from twin.inverse.finding import Explanation, Finding, Refinement
from twin.report.curves import draw_curves
from twin.report.markup import Markup, figure, tag
from twin.report.relevance import draw_relevance
from twin.report.summary import MISFIT, Summary
from twin.report.verdict import residual_words


def ecg_section(summary: Summary) -> Markup:
    finding = summary.finding
    by_lead = ", ".join(
        f"{lead} {value:.2f}" for lead, value in summary.fit.by_lead.items() if math.isfinite(value)
    )
    return tag(
        "section",
        tag("h2", "The ECG, measured and simulated"),
        figure(
            draw_curves(summary), "The short stroke below each beat marks the onset of the QRS."
        ),
        tag("p", _refinement(finding.refinement)),
        tag("p", _judgement(summary)),
        tag("p", f"Residual by lead: {by_lead}.", class_="remark") if by_lead else "",
    )


def _refinement(refinement: Refinement | None) -> str:
    if refinement is None:
        return (
            "Refinement: none was made. No infarct was simulated, so that whether the infarct "
            "shown explains the ECG has not been tested."
        )
    before, after = refinement.residual_before, refinement.residual_after
    numbers = f"The residual was {before:.2f} for the network's proposal"
    if refinement.kept:
        return f"Refinement: kept. {numbers} and is {after:.2f} for what is shown. " + _ended(
            refinement.reason
        )
    return (
        f"Refinement: not kept; the network's own proposal is shown. {numbers} and is "
        f"{after:.2f} for what is shown. {_ended(refinement.reason)}"
    )


def _ended(reason: str) -> str:
    return f"Reason: {reason.strip().rstrip('.')}."


def _judgement(summary: Summary) -> str:
    fit = summary.fit
    left = f"The beat simulated {fit.simulated} leaves {residual_words(fit.residual)} unexplained"
    if not fit.tested:
        return f"{left}; with an infarct suspected, that alone says nothing against the heart."
    if fit.misfit:
        return f"{left}: the ECG does not fit this heart (from {MISFIT} on)."
    return f"{left}: the ECG fits this heart (below {MISFIT})."


def explanation_section(summary: Summary) -> Markup:
    finding: Finding = summary.finding
    explanation = finding.explanation
    if explanation is None:
        return tag(
            "section", tag("h2", "What spoke for scar"), tag("p", "No explanation was computed.")
        )
    return tag(
        "section",
        tag("h2", "What spoke for scar"),
        figure(draw_relevance(finding, explanation), _deletion(explanation)),
    )


def _deletion(explanation: Explanation) -> str:
    """Whether the explanation stands its own test."""
    most, random = explanation.deletion
    test = (
        f"Where the most relevant moments are those of the healthy ECG, the expected scar falls by "
        f"{most:.0f}%; where as many random ones are, by {random:.0f}%"
    )
    if not most > random:
        return f"{test}: the explanation does not hold, so do not read it."
    return f"{test}."
