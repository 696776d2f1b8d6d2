"""What was found, in words and a few numbers, and what was wrong with the input."""

import math

from twin.inverse.finding import Answer
from twin.inverse.posterior import LEVEL, Estimate
from twin.report.markup import Markup, joined, tag
from twin.report.summary import Summary

CAUTION = {
    Answer.INFARCT: "The zones shown are one best guess among many; the intervals say how well "
    "their extent is known.",
    Answer.HEALTHY: "A small or remote infarct may leave no trace in an ECG: this does not rule "
    "one out.",
    Answer.UNKNOWN: "What follows is what the model would have said. Do not rely on it: it is "
    "shown so that the reason can be examined.",
}

MEANING = {
    Answer.INFARCT: "expected overlap of the scar shown with the true one (Dice, 1 is all of it)",
    Answer.HEALTHY: "probability that there is no infarct",
    Answer.UNKNOWN: "expected overlap of the scar shown with the true one, had it been an answer",
}


def verdict_section(summary: Summary) -> Markup:
    verdict = summary.finding.verdict
    answer = verdict.answer.value
    return tag(
        "section",
        tag("h2", answer[0].upper() + answer[1:], class_="answer"),
        tag("p", tag("b", "Why: "), verdict.reason),
        tag("p", _sentence(summary), " ", CAUTION[verdict.answer]),
        _misfit(summary),
        _numbers(summary),
        class_=f"verdict {verdict.answer.name.lower()}",
    )


def warnings_section(summary: Summary) -> Markup:
    """In the order in which they arose; what the reader must know before anything else."""
    finding = summary.finding
    items = [tag("li", warning) for warning in finding.warnings]
    listed = tag("ol", *items) if items else tag("p", "None.")
    missing = summary.missing_leads
    absent = tag("p", "Leads not given: ", ", ".join(missing), ".") if missing else Markup("")
    heading = tag("h2", f"Warnings about the input ({len(items)})")
    return tag("section", heading, listed, absent, class_="warnings" if items or missing else "")


def estimate_words(estimate: Estimate) -> str:
    if not math.isfinite(estimate.value):
        return "–"
    return f"{estimate.value:.0f}% ({estimate.low:.0f} to {estimate.high:.0f})"


def chance_words(chance: float) -> str:
    """Never a certainty that was not computed."""
    if not math.isfinite(chance):
        return "–"
    if 0 < chance < 0.01:
        return "< 1%"
    if 0.99 < chance < 1:
        return "> 99%"
    return f"{chance:.0%}"


def _sentence(summary: Summary) -> str:
    """Where the scar is."""
    if summary.finding.verdict.answer is not Answer.INFARCT:
        return ""
    if not summary.involved:
        return "No segment is infarcted by a quarter or more with a probability above one half."
    names = ", ".join(segment.name for segment in summary.involved)
    return f"More likely infarcted than not (a quarter or more of the segment): {names}."


def _misfit(summary: Summary) -> Markup:
    fit = summary.fit
    if not fit.misfit:
        return Markup("")
    return tag(
        "p",
        "The ECG does not fit this heart",
        f": the beat simulated {fit.simulated} leaves a residual of {residual_words(fit.residual)}."
        " Make sure that ECG and heart are of the same patient and that leads and electrodes are "
        "named and placed as assumed; do not rely on the answer until then.",
        class_="misfit",
    )


def residual_words(residual: float) -> str:
    if not math.isfinite(residual):
        return "an unknown part of the measured signal"
    return f"{residual:.2f} of the measured signal (RMS)"


def _numbers(summary: Summary) -> Markup:
    posterior, verdict = summary.finding.posterior, summary.finding.verdict
    interval = f"{LEVEL:.0%} interval in brackets"
    territories = " · ".join(f"{k}\u00a0{chance_words(p)}" for k, p in summary.territories.items())
    shown = [
        ("Scar, of LV mass", estimate_words(posterior.burden), interval),
        (
            "Depth of the scar, if any, of the wall",
            estimate_words(posterior.transmurality),
            interval,
        ),
        ("Probability of no infarct", chance_words(posterior.healthy), ""),
        ("Territory, if infarcted", territories, "by usual supply; coronary anatomy varies"),
        ("Confidence", f"{verdict.confidence:.2f}", MEANING[verdict.answer]),
        ("ECG residual", _residual(summary), f"simulated {summary.fit.simulated}"),
    ]
    cells = [
        tag("div", tag("dt", name), tag("dd", value), tag("dd", remark, class_="remark"))
        for name, value, remark in shown
    ]
    return tag("dl", joined(cells), class_="numbers")


def _residual(summary: Summary) -> str:
    residual = summary.fit.residual
    return f"{residual:.2f}" if math.isfinite(residual) else "–"
