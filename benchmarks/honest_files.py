"""A small heart in every format that can be read, as honest files to compare with and to break."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import meshio
import nibabel
import numpy as np
import pyvista

from twin.benchmarks.ellipsoid import TruncatedEllipsoid
from twin.meshes.cine.segmentation import Stack
from twin.meshes.cine.slices import GuidePoints
from twin.meshes.formats import read_heart, read_surface, read_volume, write_heart
from twin.meshes.formats.bivme import read_guidepoints
from twin.meshes.formats.nifti import read_stack
from twin.meshes.formats.registry import find_format
from twin.meshes.heart import Boundary, Coordinates, Fibres, Heart

OXFORD_ELECTRODES = np.linspace([10.0, -10.0, 5.0], [12.0, -8.0, -5.0], 10)
LI_SCAR = np.arange(1, 40)


@cache
def small_heart(layers: int = 1) -> Heart:
    """An ellipsoidal left ventricle with its exact coordinates; no mesher, no Laplace solve."""
    ellipsoid = TruncatedEllipsoid()
    volume = ellipsoid.volume(layers)
    points = volume.points
    axes = ellipsoid.axes(points[volume.tetrahedra].mean(axis=1))
    coordinates = Coordinates(
        apicobasal=ellipsoid.apicobasal(points),
        transmural=np.clip(ellipsoid.depth(points), 0, 1),
        rotational=(np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi)) % 1,
        ventricle=np.zeros(len(points), np.int8),
    )
    fibres = Fibres(axes[:, 0], axes[:, 1], axes[:, 2])
    provenance = {"origin": "ellipsoid", "seed": 0, "settings": {"layers": layers}}
    return Heart(
        points,
        volume.tetrahedra,
        volume.triangles,
        volume.boundary,
        coordinates,
        fibres,
        provenance,
    )


@dataclass(frozen=True)
class Honest:
    """`files` in a folder of their own; `read` is how the whole of them is read, from `path`."""

    name: str
    folder: Path
    path: Path
    read: Callable

    @property
    def files(self) -> list[Path]:
        return sorted(file for file in self.folder.rglob("*") if file.is_file())


def write_honest(folder: Path) -> list[Honest]:
    """Every format once, or several times where it has several forms."""
    heart = small_heart()
    cases = []

    def add(name: str, file: str, write: Callable[[Path], None], read: Callable) -> None:
        place = folder / name
        place.mkdir(parents=True)
        write(place / file if file else place)
        cases.append(Honest(name, place, place / file if file else place, read))

    for ending in ("vtu", "pvd", "vtkhdf", "xdmf"):
        add(f"own {ending}", f"heart.{ending}", lambda path: write_heart(heart, path), read_heart)
    for ending in ("vtp", "stl"):
        add(f"own {ending}", f"heart.{ending}", lambda path: write_heart(heart, path), read_surface)
    add("CARP", "heart.pts", lambda path: write_heart(heart, path), read_volume)
    add("CARP binary", "heart.belem", lambda path: write_binary_carp(heart, path), read_volume)
    add("guide points", "GPFile_000.txt", write_guide_points, read_guides)
    add("label map", "labels.nii.gz", write_label_map, read_labels)
    for name, file, writer in VOLUMES:
        add(name, file, partial(writer, heart), read_volume)
    for name, file, writer in SURFACES:
        add(name, file, partial(writer, heart), read_surface)
    return cases


def _tetrahedra(heart: Heart) -> pyvista.UnstructuredGrid:
    grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: heart.tetrahedra}, heart.points)
    grid.point_data["ab"] = heart.coordinates.apicobasal
    grid.cell_data["fiber"] = heart.fibres.fibre
    return grid


def _surface(heart: Heart) -> pyvista.PolyData:
    nodes, corners = np.unique(heart.triangles, return_inverse=True)
    faces = corners.reshape(-1, 3).astype(int)
    surface = pyvista.PolyData.from_regular_faces(heart.points[nodes], faces)
    surface.cell_data["class"] = heart.boundary
    return surface


def _meshio(heart: Heart, path: Path, **how) -> None:
    cells = [("tetra", heart.tetrahedra), ("triangle", heart.triangles)]
    meshio.Mesh(heart.points, cells).write(path, **how)


def _gmsh_4(heart: Heart, path: Path) -> None:
    """Tetrahedra alone: meshio wants to know Gmsh's geometry for more."""
    meshio.Mesh(heart.points, [("tetra", heart.tetrahedra)]).write(path, file_format="gmsh")


def write_binary_carp(heart: Heart, path: Path, order: str = "<") -> None:
    """PREFIX.bpts, .belem and .blon, as meshtool writes them."""
    endian = int(order == ">")
    elements = np.column_stack(
        [np.zeros(len(heart.tetrahedra)), heart.tetrahedra, np.ones(len(heart.tetrahedra))]
    )
    axes = np.hstack([heart.fibres.fibre, heart.fibres.sheet])
    for ending, counts, values in (
        (".bpts", [len(heart.points)], (heart.points * 1000).astype(f"{order}f4")),
        (".belem", [len(elements)], elements.astype(f"{order}i4")),
        (".blon", [2, len(axes)], axes.astype(f"{order}f4")),
    ):
        header = " ".join(map(str, [*counts, endian, 666])).encode().ljust(1024, b"\0")
        path.with_suffix(ending).write_bytes(header + values.tobytes())


def _table(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    form = "%d" if values.dtype.kind == "i" else "%.10g"
    np.savetxt(path, values, fmt=form, delimiter=",")


def write_oxford(heart: Heart, folder: Path, base: int = 1, subject: str = "S1") -> None:
    """geometric_data/S/S_coarse/..., in cm; transmural 1 at the endocardium, a left-handed triad.

    The half of the cavity with x < 0 is called the right ventricle's.
    """
    above = folder / "geometric_data" / subject
    prefix = f"{above}/{subject}_coarse/{subject}_coarse"
    endocardium = heart.boundary_triangles(Boundary.LV_ENDOCARDIUM)
    right = (heart.points[endocardium, 0] < 0).any(axis=1)
    valves = np.zeros(len(heart.points), bool)
    valves[heart.boundary_nodes(Boundary.BASE)] = True
    coordinates = heart.coordinates
    tables = {
        "xyz": heart.points / 10,
        "tetra": heart.tetrahedra + base,
        "nodefield_ab": coordinates.apicobasal,
        "nodefield_ab_cut": np.where(valves, -1, coordinates.apicobasal),
        "nodefield_tm": 1 - coordinates.transmural,
        "nodefield_rt": coordinates.rotational,
        "nodefield_fibre": heart.fibres.fibre,
        "nodefield_sheet": heart.fibres.sheet,
        "nodefield_normal": -heart.fibres.normal,
        "boundarynodefield_lvendo": np.unique(endocardium[~right]) + base,
        "boundarynodefield_rvendo": np.unique(endocardium[right]) + base,
    }
    for name, values in tables.items():
        _table(Path(f"{prefix}_{name}.csv"), values)
    _table(above / f"{subject}_electrode_xyz.csv", OXFORD_ELECTRODES)


def write_li(heart: Heart, folder: Path, mesh: bool = True, subject: str = "1000268") -> None:
    """A Cobiveco .vtu, or points and three faces counted from 1, with lists of scar nodes."""
    if mesh:
        grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: heart.tetrahedra}, heart.points)
        for name, values in zip(
            ("ab", "tm", "rt", "tv"), vars(heart.coordinates).values(), strict=True
        ):
            grid.point_data[name] = values
        grid.point_data["aha"] = heart.segments
        folder.mkdir(parents=True, exist_ok=True)
        grid.save(folder / f"{subject}_heart_cobiveco.vtu")
    else:
        _table(folder / f"{subject}_xyz.csv", heart.points)
        walls = {"lv": Boundary.LV_ENDOCARDIUM, "epi": Boundary.EPICARDIUM, "rv": Boundary.BASE}
        for name, label in walls.items():
            _table(folder / f"{subject}_{name}face.csv", heart.boundary_triangles(label) + 1)
    _table(folder / f"{subject}_lvscarnodes_A1_transmural.csv", LI_SCAR)
    _table(folder / f"{subject}_lvborderzonenodes_A1_transmural.csv", LI_SCAR + 40)
    _table(folder / f"{subject}_electrodePositions.csv", OXFORD_ELECTRODES * 10)
    _table(folder / f"{subject}_BaseApexCoord.csv", heart.points[[0, 1]])


def write_map3d(heart: Heart, path: Path) -> None:
    surface = _surface(heart)
    np.savetxt(path.with_suffix(".pts"), surface.points * 6, fmt="%.3f")
    np.savetxt(path.with_suffix(".fac"), np.asarray(surface.regular_faces) + 1, fmt="%d")


def write_ecgsim(heart: Heart, path: Path) -> None:
    surface = _surface(heart)
    lines = [f"{len(surface.points)}"]
    lines += [f"{i} {x} {y} {z}" for i, (x, y, z) in enumerate(surface.points * 6e-3, start=1)]
    lines += [f"{surface.n_cells}"]
    faces = np.asarray(surface.regular_faces) + 1
    lines += [f"{i} {a} {b} {c}" for i, (a, b, c) in enumerate(faces, start=1)]
    path.write_text("\n".join(lines) + "\n")


def read_guides(path: Path) -> GuidePoints:
    """The points alone: the wall that is laid through them takes seconds."""
    find_format(path)
    return read_guidepoints(path)


def read_labels(path: Path) -> Stack:
    find_format(path)
    return read_stack(path)


def write_guide_points(path: Path) -> None:
    """A ring of the left endocardium in each of three slices, and where the slices lie."""
    rows, slices = ["x\ty\tz\tcontour type\tframeID\tweight\ttime frame"], []
    for number in (1, 2, 3):
        for angle in np.linspace(0, 2 * np.pi, 20, endpoint=False):
            x, y = 30 * np.cos(angle), 30 * np.sin(angle)
            rows.append(f"{x:.5f}\t{y:.5f}\t{8 * number}\tSAX_LV_ENDOCARDIAL\t{number}\t1.0\t0")
        slices.append(
            f"a.dcm\tsliceID: \t{number}\tImagePositionPatient\t0\t0\t{8 * number}\t"
            "ImageOrientationPatient\t1\t0\t0\t0\t1\t0\tPixelSpacing\t1.4\t1.4"
        )
    path.write_text("\n".join(rows) + "\n")
    path.with_name("SliceInfoFile.txt").write_text("\n".join(slices) + "\n")


def write_label_map(path: Path) -> None:
    """A ring of muscle around a cavity, in eight slices."""
    x, y, _ = np.meshgrid(np.arange(40) - 20, np.arange(40) - 20, np.arange(8), indexing="ij")
    radius = np.hypot(x, y)
    labels = np.where(radius < 10, 1, np.where(radius < 15, 2, 0)).astype(np.int16)
    nibabel.Nifti1Image(labels, np.diag([2.0, 2.0, 8.0, 1.0])).to_filename(path)


INLINE_XDMF = """<Xdmf Version="3.0"><Domain><Grid Name="heart" GridType="Uniform">
<Topology TopologyType="Tetrahedron" NumberOfElements="{tets}"><DataItem Dimensions="{tets} 4"
 Format="XML" NumberType="Int" Precision="8">{cells}</DataItem></Topology>
<Geometry GeometryType="XYZ"><DataItem Dimensions="{count} 3" Format="XML" NumberType="Float"
 Precision="8">{points}</DataItem></Geometry></Grid></Domain></Xdmf>
"""


def write_inline_xdmf(heart: Heart, path: Path) -> None:
    """All numbers in the XML itself."""
    numbers = {
        "cells": " ".join(map(str, heart.tetrahedra.ravel().tolist())),
        "points": " ".join(map(repr, heart.points.ravel().tolist())),
    }
    counts = {"tets": len(heart.tetrahedra), "count": len(heart.points)}
    path.write_text(INLINE_XDMF.format(**counts, **numbers))


VOLUMES: list[tuple[str, str, Callable[[Heart, Path], None]]] = [
    ("text vtu", "heart.vtu", lambda heart, path: _tetrahedra(heart).save(path, binary=False)),
    ("vtk", "heart.vtk", lambda heart, path: _tetrahedra(heart).save(path)),
    ("text vtk", "heart.vtk", lambda heart, path: _tetrahedra(heart).save(path, binary=False)),
    ("Gmsh 4", "heart.msh", _gmsh_4),
    (
        "Gmsh 2 text",
        "heart.msh",
        lambda heart, path: _meshio(heart, path, file_format="gmsh22", binary=False),
    ),
    ("Medit", "heart.mesh", lambda heart, path: _meshio(heart, path)),
    ("Abaqus", "heart.inp", lambda heart, path: _meshio(heart, path)),
    ("inline xdmf", "heart.xdmf", write_inline_xdmf),
    ("Oxford", "", write_oxford),
    ("Li", "", write_li),
]

SURFACES: list[tuple[str, str, Callable[[Heart, Path], None]]] = [
    ("surface vtk", "heart.vtk", lambda heart, path: _surface(heart).save(path, binary=False)),
    ("binary stl", "heart.stl", lambda heart, path: _surface(heart).save(path)),
    ("ply", "heart.ply", lambda heart, path: _surface(heart).save(path)),
    ("text ply", "heart.ply", lambda heart, path: _surface(heart).save(path, binary=False)),
    ("obj", "heart.obj", lambda heart, path: _surface(heart).save(path)),
    ("Li surfaces", "", lambda heart, path: write_li(heart, path, mesh=False)),
    ("map3d", "torso.pts", write_map3d),
    ("ECGSIM", "torso.tri", write_ecgsim),
]
