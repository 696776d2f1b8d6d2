"""Which formats there are, and which one a path is.

A new format is one more `Format` here and a module with its `parse` or `make` and, if hearts are
to be written so, its `write`. Functions are named by strings: VTK and the others load where used.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from twin.meshes.errors import InputError
from twin.meshes.units import HEART, TORSO, Extent

HERE = "twin.meshes.formats"


@dataclass(frozen=True)
class Format:
    """One way to keep a mesh on disk.

    `files` are patterns of a file's name, `folders` of paths below a folder; `siblings` are
    endings of files that have to be there too. `parse` (path, **options) -> Grid runs in the
    quarantine. A format of which a mesh has to be made first (images, contours) names `make`
    (path, *, unit, axes, progress, **options) -> Volume instead. `write` is (Grid, path).
    `options` are the names that `parse` or `make` takes. `extent` is what its surfaces show.
    """

    name: str
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    parse: str = ""
    make: str = ""
    write: str = ""
    options: tuple[str, ...] = ()
    extent: Extent = HEART

    def holds(self, path: Path) -> bool:
        if path.is_dir():
            return any(next(path.glob(pattern), None) for pattern in self.folders)
        if not any(fnmatch(path.name.lower(), pattern.lower()) for pattern in self.files):
            return False
        return all(path.with_suffix(ending).is_file() for ending in self.siblings)


def _below(*patterns: str, depth: int = 4) -> tuple[str, ...]:
    """The patterns in a folder and in those below it."""
    return tuple("*/" * level + pattern for level in range(depth) for pattern in patterns)


_LI = ("*_cobiveco_AHA17.vtu", "*_heart_cobiveco.vtu", "*_lvface.csv")
_OXFORD = ("*_tetra.csv", "*_nodefield_*.csv")

ASSEMBLIES = (
    Format(
        "epicardium and two endocardia",
        ("*_EPICARDIAL*.vtk", "*_LV_ENDOCARDIAL*.vtk", "*_RV_ENDOCARDIAL*.vtk"),
        ("*_EPICARDIAL*.vtk",),
        parse=f"{HERE}.triple:parse",
        options=("frame",),
    ),
)
"""Files that make a heart together with others, and a surface alone."""

FORMATS = (
    Format("Li", _LI, _LI, parse=f"{HERE}.li:parse"),
    Format("Oxford", ("*_xyz.csv", *_OXFORD), _below(*_OXFORD), parse=f"{HERE}.oxford:parse"),
    Format("VTK", ("*.vtu", "*.vtp"), parse=f"{HERE}.vtk:parse", write=f"{HERE}.vtk:write"),
    Format("ParaView", ("*.pvd",), parse=f"{HERE}.pvd:parse", write=f"{HERE}.pvd:write"),
    Format("VTKHDF", ("*.vtkhdf",), parse=f"{HERE}.vtkhdf:parse", write=f"{HERE}.vtkhdf:write"),
    Format("XDMF", ("*.xdmf",), parse=f"{HERE}.xdmf:parse", write=f"{HERE}.xdmf:write"),
    Format("STL", ("*.stl",), parse=f"{HERE}.stl:parse", write=f"{HERE}.stl:write"),
    Format("VTK", ("*.vtk", "*.ply", "*.obj"), parse=f"{HERE}.vtk:parse"),
    Format("mesh generator", ("*.msh", "*.mesh", "*.inp"), parse=f"{HERE}.generators:parse"),
    Format(
        "biv-me guide points",
        ("GPFile*.txt",),
        ("GPFile*.txt",),
        make=f"{HERE}.bivme:make",
        options=("frame", "align"),
    ),
    Format(
        "NIfTI label map",
        ("*.nii", "*.nii.gz"),
        make=f"{HERE}.nifti:make",
        options=("labels", "voxel", "frame", "align"),
    ),
    Format(
        "map3d",
        ("*.pts", "*.fac"),
        siblings=(".pts", ".fac"),
        parse=f"{HERE}.torsos:parse_map3d",
        extent=TORSO,
    ),
    Format("ECGSIM", ("*.tri",), parse=f"{HERE}.torsos:parse_ecgsim", extent=TORSO),
    Format(
        "CARP",
        ("*.pts", "*.elem", "*.lon", "*.bpts", "*.belem", "*.blon"),
        ("*.elem", "*.belem"),
        parse=f"{HERE}.carp:parse",
        write=f"{HERE}.carp:write",
    ),
)


def find_format(path: Path, formats: Iterable[Format] = FORMATS) -> Format:
    """The first of the formats that holds `path`."""
    if not path.exists():
        raise InputError(f"{path} is not there")
    if not (path.is_dir() or path.is_file()):
        raise InputError(f"{path} is neither a file nor a folder")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path} is empty")
    for form in formats:
        if form.holds(path):
            return form
    if path.is_dir():
        raise InputError(f"{path}: nothing in this folder is a heart that can be read")
    known = ", ".join(pattern for form in FORMATS for pattern in form.files)
    raise InputError(f"{path}: its name is of no known format; expected one of {known}")


def find_writer(path: Path) -> Format:
    """The format in which to write `path`; a path without an ending is a CARP folder."""
    name = f"heart{path.suffix.lower() or '.pts'}"
    writers = [form for form in FORMATS if form.write]
    for form in writers:
        if any(fnmatch(name, pattern) for pattern in form.files):
            return form
    known = ", ".join(pattern[1:] for form in writers for pattern in form.files)
    raise InputError(f"{path}: a heart cannot be written so; its ending may be {known}")


def find_function(name: str) -> Callable[..., Any]:
    """The function that 'package.module:function' names; only ours."""
    module, _, function = name.partition(":")
    if not module.startswith("twin.") and name != "builtins:dict":
        raise InputError(f"{name} is not one of the readers")
    return getattr(importlib.import_module(module), function)
