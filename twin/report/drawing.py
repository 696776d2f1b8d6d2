"""Figures for the page: sharp at any size, without a date, and without matplotlib's own state."""

from io import BytesIO
from typing import TYPE_CHECKING

from twin.report.markup import Markup, image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MM_PER_INCH = 25.4


def new_figure(width: float, height: float) -> "Figure":
    """Sizes in mm."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), facecolor="white")
    FigureCanvasSVG(figure)
    return figure


def embedded(figure: "Figure", words: str) -> Markup:
    """In the page, in true size; letters are outlines, so that they look alike everywhere."""
    from matplotlib import rc_context

    width, height = figure.get_size_inches() * MM_PER_INCH
    drawn = BytesIO()
    with rc_context({"svg.hashsalt": "twin", "svg.fonttype": "path"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    style = f"width:{width:.1f}mm;aspect-ratio:{width / height:.4f}"
    return image(drawn.getvalue(), "svg+xml", words, style=style)


def embedded_pixels(pixels, words: str) -> Markup:
    """A rendered view, in the page."""
    from PIL import Image

    packed = BytesIO()
    Image.fromarray(pixels).save(packed, format="png")
    return image(packed.getvalue(), "png", words)
