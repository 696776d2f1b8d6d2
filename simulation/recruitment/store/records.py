"""Hearts and lead fields to HDF5 and back, an array a data set."""

from dataclasses import fields

import h5py
import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.heart import Coordinates, Fibres, Heart
from twin.simulation.lead_field import ELECTRODES, LeadField

PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
"""Quick to unpack, and every chunk with its checksum. LZF is quicker, but what it writes depends on
what the memory held before, and the same arrays have to make the same bytes."""

MESH = ("points", "tetrahedra", "triangles", "boundary")
FIELD = ("places", "anchors", "rest")

Arrays = dict[str, np.ndarray]


def write_array(group: h5py.Group, name: str, array: np.ndarray, **more) -> h5py.Dataset:
    """Packed, without the hour, and on its way to the disk at once: where its chunks come to lie
    would else depend on when Python lets go of the data set."""
    dataset = group.create_dataset(name, data=array, track_times=False, **PACKED, **more)
    dataset.flush()
    return dataset


def write_arrays(group: h5py.Group, arrays: Arrays) -> None:
    """The same arrays make the same bytes."""
    for name, array in arrays.items():
        write_array(group, name, array)


def read_arrays(group: h5py.Group) -> Arrays:
    return {name: item[()] for name, item in group.items()}


def heart_arrays(heart: Heart) -> Arrays:
    arrays = {name: getattr(heart, name) for name in MESH}
    for part in (heart.coordinates, heart.fibres):
        arrays |= {f.name: getattr(part, f.name) for f in fields(part)}
    return arrays


def heart_of(arrays: Arrays, provenance: dict[str, object]) -> Heart:
    mesh = {name: _get(arrays, name) for name in MESH}
    coordinates = Coordinates(**{f.name: _get(arrays, f.name) for f in fields(Coordinates)})
    fibres = Fibres(**{f.name: _get(arrays, f.name) for f in fields(Fibres)})
    return Heart(**mesh, coordinates=coordinates, fibres=fibres, provenance=provenance)


def lead_field_arrays(lead_field: LeadField) -> Arrays:
    return {name: getattr(lead_field, name) for name in FIELD}


def lead_field_of(arrays: Arrays, heart: Heart, direct: float, method: str) -> LeadField:
    places, anchors, rest = (_get(arrays, name) for name in FIELD)
    return LeadField(heart.points, ELECTRODES, places, direct, anchors, rest, method)


def _get(arrays: Arrays, name: str) -> np.ndarray:
    if name not in arrays:
        raise InputError(f"'{name}' is missing: the file is of another version, or not whole")
    return arrays[name]
