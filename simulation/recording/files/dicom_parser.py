"""What is inside a DICOM waveform; runs in the quarantine.

A module of its own, so that whoever reads no DICOM never waits for pydicom.
"""

import re
from collections.abc import Iterable

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from twin.meshes.errors import InputError
from twin.simulation.leads import is_known
from twin.simulation.recording.files.dicom import NUMBERS
from twin.simulation.recording.files.recording import MOST_LEADS, Recording, pack

DEFLATED = "1.2.840.10008.1.2.1.99"

_BY_NUMBER = {number: name for name, number in NUMBERS.items()}
_CODE = re.compile(r"^(?:2:|5\.6\.3-9-)(\d{1,3})$")


def parse(path: str) -> dict[str, np.ndarray]:
    """The group of channels with the most ECG leads, and of those the longest."""
    data = pydicom.dcmread(path)
    if data.file_meta.get("TransferSyntaxUID") == DEFLATED:
        raise InputError("the file is deflated; store it uncompressed")
    groups = list(data.get("WaveformSequence", []))
    if not groups:
        raise InputError("no waveform in this DICOM file; expected a 12-lead ECG object")
    best = max(groups, key=lambda g: (_count_leads(g), int(g.NumberOfWaveformSamples)))
    return pack(_read_group(best))


def _names(group: Dataset) -> list[str]:
    return [_name(channel, i) for i, channel in enumerate(group.ChannelDefinitionSequence)]


def _name(channel: Dataset, index: int) -> str:
    """The channel's lead by its code, else by its meaning or label."""
    sources = channel.get("ChannelSourceSequence", [])
    source = sources[0] if sources else None
    code = str(source.get("CodeValue", "")) if source is not None else ""
    if (match := _CODE.match(code)) and int(match[1]) in _BY_NUMBER:
        return _BY_NUMBER[int(match[1])]
    meaning = str(source.get("CodeMeaning", "")) if source is not None else ""
    candidates = [meaning, str(channel.get("ChannelLabel", ""))]
    return next((name for name in candidates if is_known(name)), meaning or f"channel {index + 1}")


def _count_leads(group: Dataset) -> int:
    return sum(is_known(name) for name in _names(group))


def _read_group(group: Dataset) -> Recording:
    channels, count = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    definitions = group.ChannelDefinitionSequence
    if not 1 <= channels <= MOST_LEADS or len(definitions) != channels:
        raise InputError(f"{channels} channels are claimed and {len(definitions)} described")
    if group.WaveformSampleInterpretation not in ("SS", "US") or group.WaveformBitsAllocated != 16:
        raise InputError("only 16-bit samples can be read")
    kind = "<i2" if group.WaveformSampleInterpretation == "SS" else "<u2"
    held = len(group.WaveformData) // (2 * channels)
    if not 0 < count <= held:
        raise InputError(f"{count:,} samples a channel are claimed; the file holds {held:,}")
    raw = np.frombuffer(group.WaveformData, kind, count * channels).reshape(count, channels).T
    scaled, units, remarks = _physical(raw, definitions)
    names = _names(group)
    if group.get("WaveformPaddingValue") is not None:
        padding = np.frombuffer(bytes(group.WaveformPaddingValue)[:2], kind)[0]
        scaled = np.where(raw == padding, np.nan, scaled)
    return Recording(
        signals=scaled,
        names=names,
        rate=float(group.SamplingFrequency),
        units=units,
        remarks=remarks,
        provenance={"format": "DICOM"},
    )


def _physical(
    raw: np.ndarray, definitions: Iterable[Dataset]
) -> tuple[np.ndarray, list[str], tuple[str, ...]]:
    """Samples in the units of each channel. A channel without a sensitivity counts in uV."""
    rows: list[np.ndarray] = []
    units, vague = [], []
    for row, channel in zip(raw, definitions, strict=True):
        if channel.get("ChannelSensitivity") is None:
            vague.append(len(rows) + 1)
            factor, unit = 1.0, "uV"
        else:
            factor = float(channel.ChannelSensitivity)
            factor *= float(channel.get("ChannelSensitivityCorrectionFactor") or 1)
            unit = str(channel.ChannelSensitivityUnitsSequence[0].CodeValue)
        if not np.isfinite(factor) or factor == 0:
            raise InputError(f"channel {len(rows) + 1} has the sensitivity {factor}")
        rows.append(row * factor + float(channel.get("ChannelBaseline") or 0))
        units.append(unit)
    said = f"channels {vague} have no sensitivity: taken as 1 uV a step"
    return np.array(rows), units, (said,) if vague else ()
