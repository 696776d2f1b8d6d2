"""Where the infarct lies: bull's-eyes, views of the heart, and the seventeen segments."""

import numpy as np

from twin.inverse.finding import LEADS, Answer
from twin.inverse.posterior import INVOLVED, LEVEL, Segment
from twin.meshes.errors import TwinError
from twin.report.bullseyes import draw_bullseyes
from twin.report.colours import BORDER, SCAR, chance_colours
from twin.report.drawing import embedded_pixels
from twin.report.markup import Markup, figure, joined, table, tag
from twin.report.summary import LIKELY, Summary, territory_of
from twin.report.verdict import chance_words, estimate_words
from twin.report.views import draw_views

SPEAKING = 2
"""Leads named for each segment."""


def location_section(summary: Summary) -> Markup:
    caption = (
        "AHA segments as seen from the apex, the anterior wall above and the septum on the left. "
        "Grey: not in this mesh."
    )
    unknown = summary.finding.verdict.answer is Answer.UNKNOWN
    return tag(
        "section",
        tag("h2", "Where, had it been an answer" if unknown else "Where"),
        figure(draw_bullseyes(summary), caption, class_="middle"),
        _views(summary),
    )


def _views(summary: Summary) -> Markup:
    try:
        views = draw_views(summary.finding)
    except TwinError as error:
        return tag("p", f"No pictures of the heart in three dimensions: {error}")
    tiles = [figure(embedded_pixels(pixels, title), title) for title, pixels in views.items()]
    return joined((tag("div", *tiles, class_="views"), _key()))


def _key() -> Markup:
    gradient = f"background:linear-gradient(90deg,{','.join(chance_colours(9))})"
    return tag(
        "p",
        tag("span", class_="swatch", style=f"background:{SCAR}"),
        " scar  ",
        tag("span", class_="swatch", style=f"background:{BORDER}"),
        " border zone, seen through the wall. Probability of scar: 0 ",
        tag("span", class_="ramp", style=gradient),
        " 1. Short-axis slices, by their height from apex (0%) to base (100%), are seen from the "
        "apex: septum on the left, anterior wall above.",
        class_="key",
    )


def segments_section(summary: Summary) -> Markup:
    head = ["", "Segment", "Usual supply", f"Scar, median ({LEVEL:.0%} interval)", "0 to 100%"]
    head.append(f"Probability that {INVOLVED:.0%} or more is scar")
    if summary.finding.explanation is not None:
        head.append("Leads that say most")
    rows = [_row(segment, summary) for segment in summary.finding.posterior.segments]
    listed = table(head, rows, class_="segments")
    return tag("section", tag("h2", "The seventeen segments"), listed)


def _row(segment: Segment, summary: Summary) -> list[object]:
    there = bool(summary.present[segment.number - 1])
    name = tag("b", segment.name) if there and segment.involved >= LIKELY else segment.name
    row: list[object] = [segment.number, name, territory_of(segment.number)]
    if there:
        row += [estimate_words(segment.scar), _bar(segment), chance_words(segment.involved)]
    else:
        row += ["not in this mesh", "", "–"]
    if summary.finding.explanation is not None:
        row.append(_leads(summary.finding.explanation.by_segment[segment.number - 1]))
    return row


def _bar(segment: Segment) -> Markup:
    """The interval, the median in it, and the share from which a segment counts."""
    low, high, middle = segment.scar.low, segment.scar.high, segment.scar.value
    if not np.isfinite([low, high, middle]).all():
        return Markup("")
    return Markup(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none">'
        '<rect x="0" y="0" width="100" height="8" fill="#eeeeee"/>'
        f'<rect x="{low:.1f}" y="1.5" width="{max(high - low, 0.5):.1f}" height="5" '
        'fill="#d9a49b"/>'
        f'<rect x="{min(middle, 98.5):.1f}" y="0" width="1.5" height="8" fill="{SCAR}"/>'
        f'<rect x="{100 * INVOLVED:.1f}" y="0" width="0.4" height="8" fill="#777777"/></svg>'
    )


def _leads(shares) -> str:
    known = np.nan_to_num(shares)
    most = np.argsort(-known, kind="stable")[:SPEAKING]
    return ", ".join(f"{LEADS[k]} {chance_words(float(known[k]))}" for k in most if known[k] > 0)
