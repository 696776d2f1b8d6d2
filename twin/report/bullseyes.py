"""Two bull's-eyes: how much of each AHA segment is scar, and how likely it is infarcted."""

import numpy as np

from twin.inverse.posterior import INVOLVED
from twin.report.colours import AMOUNT, CHANCE
from twin.report.drawing import embedded, new_figure
from twin.report.markup import Markup
from twin.report.summary import Summary
from twin.simulation.infarction.bullseye import draw_bullseye


def draw_bullseyes(summary: Summary) -> Markup:
    segments = summary.finding.posterior.segments
    there = dict(zip(range(1, 18), summary.present, strict=True))
    share = {s.number: s.scar.value / 100 if there[s.number] else np.nan for s in segments}
    chance = {s.number: s.involved if there[s.number] else np.nan for s in segments}
    figure = new_figure(116, 60)
    left, right = figure.add_axes((0, 0, 0.5, 0.9)), figure.add_axes((0.5, 0, 0.5, 0.9))
    draw_bullseye(left, share, colours=AMOUNT)
    draw_bullseye(right, chance, colours=CHANCE)
    left.set_title("scar, share of segment (median)", fontsize=8)
    right.set_title(f"probability that {INVOLVED:.0%} or more is scar", fontsize=8)
    return embedded(figure, "Bull's-eyes of the AHA segments; the table below has their numbers.")
