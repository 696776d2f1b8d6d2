"""Files that are damaged, or made to do harm: one clear error each, soon, and nothing else."""

import os
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from twin.benchmarks import heart_formats
from twin.benchmarks.honest_files import small_heart
from twin.meshes.errors import InputError
from twin.meshes.formats import read_heart, write_heart

PIECE = (
    '<VTKFile type="UnstructuredGrid"><UnstructuredGrid>'
    '<Piece NumberOfPoints="{points}" NumberOfCells="{cells}">'
    '<Points><DataArray type="Float32" NumberOfComponents="3" format="ascii"/></Points>'
    '<Cells><DataArray type="Int64" Name="connectivity" format="ascii"/>'
    '<DataArray type="Int64" Name="offsets" format="ascii"/>'
    '<DataArray type="UInt8" Name="types" format="ascii"/></Cells></Piece>'
    "</UnstructuredGrid></VTKFile>"
)
XDMF = (
    '<Xdmf><Domain><Grid><Topology TopologyType="Tetrahedron">'
    '<DataItem Format="{kind}" Dimensions="{size} 4">{cells}</DataItem></Topology>'
    '<Geometry><DataItem Format="XML" Dimensions="1 3">0 0 0</DataItem></Geometry>'
    "</Grid></Domain></Xdmf>"
)
PVD = '<VTKFile type="Collection"><Collection><DataSet file="{}"/></Collection></VTKFile>'
ENTITIES = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{}">]>'
CARP_POINTS = b"2\n0 0 0\n90000 0 0\n"

NASTY: dict[str, tuple[str, bytes, str]] = {
    "nothing": ("a.vtu", b"", "is empty"),
    "a picture": ("a.vtu", b"\x89PNG\r\n\x1a\n" + bytes(100), "does not start like"),
    "no points": ("a.vtu", PIECE.format(points=0, cells=0).encode(), "no points"),
    "4e9 points": ("a.vtu", PIECE.format(points=4 * 10**9, cells=0).encode(), "declares a count"),
    "4e9 cells": ("a.vtu", PIECE.format(points=1, cells=4 * 10**9).encode(), "declares a count"),
    "entities": ("a.vtu", (ENTITIES + PIECE).encode(), "XML entities"),
    "entities in xdmf": ("a.xdmf", (ENTITIES + XDMF).encode(), "XML entities"),
    "entities in pvd": ("a.pvd", (ENTITIES + PVD).encode(), "XML entities"),
    "half a tag": ("a.pvd", b"<VTKFile><Coll", "not whole XML"),
    "legacy 4e9 points": (
        "a.vtk",
        b"# vtk DataFile Version 3.0\na\nASCII\nDATASET POLYDATA\nPOINTS 4000000000 float\n",
        "declares a count of 4,000,000,000",
    ),
    "negative count": (
        "a.vtk",
        b"# vtk DataFile Version 3.0\na\nASCII\nDATASET POLYDATA\nPOINTS -5 float\n",
        "declares a count of -5",
    ),
    "an image": (
        "a.vtk",
        b"# vtk DataFile Version 3.0\na\nASCII\nDATASET STRUCTURED_POINTS\nDIMENSIONS 2 2 2\n"
        b"ORIGIN 0 0 0\nSPACING 1 1 1\n",
        "ImageData",
    ),
    "ply of 4e9": (
        "a.ply",
        b"ply\nformat ascii 1.0\nelement vertex 4000000000\nproperty float x\nend_header\n",
        "declares a count",
    ),
    "stl of 4e9": ("a.stl", bytes(80) + b"\xff\xff\xff\xff" + bytes(50), "4,294,967,295 triangles"),
    "stl of none": ("a.stl", bytes(84), "no points"),
    "text stl cut": ("a.stl", b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\n", "short"),
    "xdmf elsewhere": (
        "a.xdmf",
        XDMF.format(kind="HDF", size=1, cells="/etc/passwd:/a").encode(),
        "outside its own folder",
    ),
    "xdmf above": (
        "a.xdmf",
        XDMF.format(kind="HDF", size=1, cells="../../x.h5:/a").encode(),
        "outside its own folder",
    ),
    "xdmf alone": (
        "a.xdmf",
        XDMF.format(kind="HDF", size=1, cells="x.h5:/a").encode(),
        "not there",
    ),
    "xdmf of 1e12": (
        "a.xdmf",
        XDMF.format(kind="XML", size=10**12, cells="0 1 2 3").encode(),
        "declared are",
    ),
    "pvd elsewhere": ("a.pvd", PVD.format("/etc/passwd").encode(), "outside its own folder"),
    "pvd above": ("a.pvd", PVD.format("../../../etc/passwd").encode(), "outside its own folder"),
    "pvd of itself": ("a.pvd", PVD.format("a.pvd").encode(), r"expected a \.vtu"),
    "pvd of none": ("a.pvd", PVD.replace("DataSet", "Data").encode(), "names no data set"),
    "no HDF5": ("a.vtkhdf", b"HDF?" * 100, "not an HDF5 file"),
    "half HDF5": ("a.vtkhdf", b"\x89HDF\r\n\x1a\n" + bytes(500), "cannot be understood"),
    "carp of 4e9": ("a.pts", b"4000000000\n0 0 0\n", "declares 4,000,000,000 rows but has 1"),
    "carp without elements": ("a.pts", CARP_POINTS, r"a\.elem is missing"),
    "carp without count": ("a.pts", b"x y z\n", "does not start with a count"),
    "binary carp of 4e9": (
        "a.bpts",
        b"4000000000 0 1".ljust(1024),
        "declares 4,000,000,000 points",
    ),
    "tri of 4e9": ("a.tri", b"4000000000\n1 0 0 0\n", "4,000,000,000 points but 1 lines"),
    "gmsh of letters": ("a.msh", b"$MeshFormat\nabc\n$EndMeshFormat\n", "cannot be understood"),
    "gmsh that quits": ("a.mesh", b"MeshVersionFormatted 1\nDimension 9\nVertices\n", "."),
    "another ending": ("a.docx", b"abc", "of no known format"),
    "zeros": ("a.inp", bytes(1000), "does not start like"),
}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_files_are_refused_at_once(tmp_path, name):
    file, content, said = NASTY[name]
    (tmp_path / file).write_bytes(content)
    start = time.monotonic()
    with pytest.raises(InputError, match=f"(?s){file}.*{said}"):
        read_heart(tmp_path / file)
    assert time.monotonic() - start < 6


@pytest.fixture
def hdf5(tmp_path) -> Path:
    write_heart(small_heart(), tmp_path / "heart.vtkhdf")
    return tmp_path / "heart.vtkhdf"


def link_outside(group: h5py.Group, folder: Path) -> None:
    group["Points"] = h5py.ExternalLink("/etc/hostname", "/a")


def link_inside(group: h5py.Group, folder: Path) -> None:
    group["Points"] = h5py.SoftLink("/VTKHDF/Types")


def virtual(group: h5py.Group, folder: Path) -> None:
    layout = h5py.VirtualLayout((254, 3), float)
    layout[:] = h5py.VirtualSource("/etc/other.h5", "a", (254, 3))
    group.create_virtual_dataset("Points", layout)


def external(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("Points", (254, 3), float, external=[("/etc/passwd", 0, 6096)])


def unallocated(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("Points", (10**12, 3), float, chunks=(1000, 3))


def bomb(group: h5py.Group, folder: Path) -> None:
    chunk = (10**6, 3)
    points = group.create_dataset("Points", (2 * 10**7, 3), float, compression="gzip", chunks=chunk)
    zeros = zlib.compress(bytes(24 * 10**6))
    for start in range(0, len(points), chunk[0]):
        points.id.write_direct_chunk((start, 0), zeros)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (link_outside, "link to elsewhere"),
        (link_inside, "link to elsewhere"),
        (virtual, "in another file"),
        (external, "in another file"),
        (unallocated, "claims 24,000,000,000,000 bytes"),
        (bomb, "claims 480,000,000 bytes"),
    ],
)
def test_hdf5_reads_nothing_from_elsewhere_and_does_not_unfold(hdf5, tmp_path, spoil, said):
    with h5py.File(hdf5, "r+") as file:
        del file["VTKHDF/Points"]
        spoil(file["VTKHDF"], tmp_path)
    with pytest.raises(InputError, match=said):
        read_heart(hdf5)


def test_a_link_on_disk_does_not_lead_out_of_the_folder(tmp_path):
    write_heart(small_heart(), tmp_path / "other" / "heart.vtu")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "heart.vtu").symlink_to(tmp_path / "other" / "heart.vtu")
    (inner / "a.pvd").write_text(PVD.format("heart.vtu"))
    with pytest.raises(InputError, match="outside its own folder"):
        read_heart(inner / "a.pvd")


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not there"):
        read_heart(tmp_path / "heart.vtu")
    os.mkfifo(tmp_path / "pipe.vtu")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        read_heart(tmp_path / "pipe.vtu")
    with pytest.raises(InputError, match="nothing in this folder"):
        read_heart(tmp_path)


def test_a_few_hundred_mutated_files_end_cleanly():
    outcomes, gigabytes = heart_formats.fuzz(heart_formats.QUICK_INPUTS, seed=1)
    assert len(outcomes) == heart_formats.QUICK_INPUTS
    assert [outcome for outcome in outcomes if outcome.unclean] == []
    assert gigabytes < heart_formats.GIGABYTES
    assert {"refused", "equal heart", "sound volume"} <= {outcome.ending for outcome in outcomes}


def test_the_same_seed_damages_the_same_way(tmp_path):
    honest = heart_formats.write_honest(tmp_path / "honest")
    endings = []
    for attempt in range(2):
        random = np.random.default_rng(5)
        place = tmp_path / str(attempt)
        outcomes = [
            heart_formats.damage(case, place / str(number), random)
            for number, case in enumerate(honest[6:10])
        ]
        endings.append([(outcome.mutation, outcome.ending) for outcome in outcomes])
    assert endings[0] == endings[1]
