"""Pictures of sampled infarcts for docs/infarct.md: `python -m twin.benchmarks.infarct_pictures
FOLDER`.

infarcts.png: each row is one infarct: the left ventricle's endocardium and the epicardium, and
three short-axis slices seen from the apex, as a radiologist does. infarct_territories.png: which
segments the infarcts of each artery involve, beside the published map of supply.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pyvista as pv
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from twin.meshes.anatomy.population import sample_heart
from twin.meshes.files import whole_file
from twin.meshes.heart import Boundary, Heart
from twin.simulation.infarct import Infarct
from twin.simulation.infarction.bullseye import draw_bullseye
from twin.simulation.infarction.places import Anywhere, Artery, Territory

COLOURS = ["#dcb8a4", "#e8a51c", "#5b1a18"]
"""Healthy wall, border zone, scar."""

LEVELS = {"basal": 0.82, "middle": 0.55, "apical": 0.28}
"""Apicobasal heights of the slices."""

NODES, AMBIENT = 60_000, 0.3

EACH = 60
"""Sampled infarcts of an artery."""

SHOWN: dict[str, tuple[int, dict]] = {
    "LAD, large, chronic": (1, {"place": Territory(Artery.LAD), "mass": 0.3, "transmurality": 0.8}),
    "LAD, distal": (
        2,
        {"place": Territory(Artery.LAD, extent=0.4), "mass": 0.08, "transmurality": 0.6},
    ),
    "LAD, subendocardial": (
        3,
        {"place": Territory(Artery.LAD), "mass": 0.12, "transmurality": 0.35},
    ),
    "RCA, transmural": (4, {"place": Territory(Artery.RCA), "mass": 0.12, "transmurality": 0.95}),
    "RCA with the right ventricle": (
        5,
        {"place": Territory(Artery.RCA), "mass": 0.12, "transmurality": 0.7, "right": 0.15},
    ),
    "LCX": (6, {"place": Territory(Artery.LCX), "mass": 0.1, "transmurality": 0.6}),
    "two territories": (
        7,
        {
            "place": (Territory(Artery.LAD, extent=0.5), Territory(Artery.LCX)),
            "mass": 0.18,
            "transmurality": 0.6,
        },
    ),
    "anywhere, as drawn": (8, {"place": Anywhere()}),
}


def draw(heart: Heart, samples: dict[str, tuple[int, dict]], path: Path) -> None:
    rows = len(samples)
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    plotter = pv.Plotter(
        off_screen=True,
        shape=(rows, 2 + len(LEVELS)),
        window_size=[300 * (2 + len(LEVELS)), 270 * rows],
        border=False,
    )
    frame = _frame(heart)
    for row, (name, (seed, wishes)) in enumerate(samples.items()):
        infarct = Infarct.sample(heart, seed, **wishes)
        grid = _grid(heart, infarct)
        found = infarct.describe(heart)
        caption = f"{name}: {found.scar:.0%}, {found.transmurality:.0%} deep"
        views = [
            ("left endocardium", _surface(heart, infarct, Boundary.LV_ENDOCARDIUM), "cavity"),
            ("epicardium", _surface(heart, infarct, Boundary.EPICARDIUM), "cavity"),
            *((level, _slice(grid, heart, frame, at), "slice") for level, at in LEVELS.items()),
        ]
        for column, (title, mesh, kind) in enumerate(views):
            plotter.subplot(row, column)
            _show(plotter, mesh, frame, kind, infarct, heart)
            text = caption if column == 0 else title
            plotter.add_text(text, position="upper_left", font_size=6, color="black")
    with whole_file(path) as part:
        plotter.screenshot(str(part))
    plotter.close()


def _grid(heart: Heart, infarct: Infarct) -> pv.UnstructuredGrid:
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: heart.tetrahedra}, heart.points)
    grid.cell_data["zone"] = infarct.elements(heart)
    return grid


def _surface(heart: Heart, infarct: Infarct, label: Boundary) -> pv.PolyData:
    triangles = heart.boundary_triangles(label)
    surface = pv.PolyData.from_regular_faces(heart.points, triangles.astype(int))
    surface.cell_data["zone"] = infarct.zones[triangles].max(axis=1)
    return surface


def _frame(heart: Heart) -> Float[np.ndarray, "3 3"]:
    """Towards the base, towards the middle of the septum, and across both."""
    c, left = heart.coordinates, heart.coordinates.ventricle == 0
    apex = heart.points[left & (c.apicobasal < 0.1)].mean(axis=0)
    base = heart.points[left & (c.apicobasal > 0.9)].mean(axis=0)
    up = (base - apex) / np.linalg.norm(base - apex)
    septum = heart.points[left & (np.abs(c.rotational - 5 / 6) < 0.03)].mean(axis=0)
    across = septum - apex - ((septum - apex) @ up) * up
    across /= np.linalg.norm(across)
    return np.stack([up, across, np.cross(up, across)])


def _slice(grid: pv.UnstructuredGrid, heart: Heart, frame, height: float) -> pv.PolyData:
    c = heart.coordinates
    level = (np.abs(c.apicobasal - height) < 0.03) & (c.ventricle == 0)
    return grid.slice(normal=frame[0], origin=heart.points[level].mean(axis=0))


def _show(plotter, mesh, frame, kind: str, infarct: Infarct, heart: Heart) -> None:
    plotter.set_background("white")
    plotter.add_mesh(
        mesh,
        scalars="zone",
        cmap=COLOURS,
        clim=[0, 2],
        show_scalar_bar=False,
        lighting=kind != "slice",
        ambient=AMBIENT if kind != "slice" else 0.0,
    )
    up, _, aside = frame
    if kind == "slice":
        # From the apex: the septum on the left, the anterior wall above.
        away, view_up = -up, aside if aside @ [0, -1, 0] > 0 else -aside
        middle = np.asarray(mesh.center)
    else:
        dead = heart.points[infarct.zones == 2]
        middle = heart.points[heart.coordinates.ventricle == 0].mean(axis=0)
        away = dead.mean(axis=0) - middle
        away = away - 0.8 * (away @ up) * up
        away = away / np.linalg.norm(away)
        view_up = up
    plotter.camera.position = tuple(middle + 300 * away)
    plotter.camera.focal_point = tuple(middle)
    plotter.camera.up = tuple(view_up)
    plotter.camera.parallel_projection = True
    plotter.camera.parallel_scale = 62.0


def draw_territories(heart: Heart, path: Path) -> None:
    figure = Figure(figsize=(11, 8), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(Artery))
    for artery, (published, sampled) in zip(Artery, panels.T, strict=True):
        supply = {number: float(number in artery.value) for number in range(1, 18)}
        draw_bullseye(published, supply, f"{artery.name}: supplies (Cerqueira 2002)", label="")
        found = [
            Infarct.sample(heart, seed, place=Territory(artery)).describe(heart).segments_scar
            for seed in range(EACH)
        ]
        mean = {number: float(np.mean([one[number] for one in found])) for number in supply}
        most = max(mean.values())
        draw_bullseye(sampled, mean, f"mean scar of {EACH} sampled infarcts", most=most)
    with whole_file(path) as part:
        figure.savefig(part, dpi=80, metadata={"Software": None})


def main(folder: str) -> None:
    heart = sample_heart(3, nodes=NODES)
    draw_territories(heart, Path(folder) / "infarct_territories.png")
    draw(heart, SHOWN, Path(folder) / "infarcts.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
