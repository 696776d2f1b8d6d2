"""DICOM waveforms: 12-lead ECG, and general ECG for what that does not hold.

DICOM PS3.3 A.34.3 and A.34.4 (the two objects), C.10.9 (waveform module), PS3.16 CID 3001 (leads).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.simulation.ecg import ECG
from twin.simulation.leads import STANDARD
from twin.simulation.recording.files.recording import Format, Recording, read_quarantined

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

TWELVE_LEAD = "1.2.840.10008.5.1.4.1.1.9.1.1"
GENERAL = "1.2.840.10008.5.1.4.1.1.9.1.2"
MOST_SAMPLES = 16_384  # of the 12-lead object
RATES = (200.0, 1000.0)  # Hz, both objects

# PS3.16 CID 3001: the number is the same in the schemes MDC (2:1) and SCPECG (5.6.3-9-1).
NUMBERS = dict(zip(STANDARD, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))


def read(path: Path) -> Recording:
    """The group of channels with the most ECG leads, and of those the longest."""
    return read_quarantined("twin.simulation.recording.files.dicom_parser:parse", path)


def write(ecg: ECG, path: Path) -> None:
    """A 12-lead ECG object where the leads, the length and the rate allow it, else a general one.

    Samples have 16 bits, each lead its own sensitivity. The identifiers follow from the content,
    so that the same ECG gives the same file; patient and study stay anonymous.
    """
    if not RATES[0] <= ecg.rate <= RATES[1]:
        raise InputError(f"DICOM holds ECGs of 200 to 1000 Hz, not {ecg.rate:g}; resample it first")
    if len(ecg.leads) > 24:
        raise InputError(f"{len(ecg.leads)} leads; a DICOM ECG holds 24, so select some")
    data = _header(ecg)
    data.WaveformSequence = [_write_group(ecg)]
    with whole_file(path) as part:
        data.save_as(part, enforce_file_format=True)


def _header(ecg: ECG) -> "Dataset":
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    small = ecg.signals.shape[1] <= MOST_SAMPLES and set(ecg.leads) <= set(STANDARD)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = UID(TWELVE_LEAD if small else GENERAL)
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[ecg.content, "instance"])
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID = generate_uid(entropy_srcs=[ecg.content, "study"])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[ecg.content, "series"])
    data.Modality = "ECG"
    data.PatientName = data.PatientID = data.PatientBirthDate = data.PatientSex = ""
    data.StudyDate = data.StudyTime = data.StudyID = data.AccessionNumber = ""
    data.ReferringPhysicianName = data.Manufacturer = ""
    data.SeriesNumber = data.InstanceNumber = 1
    # Type 1: it must be there, and the same ECG must give the same bytes.
    data.AcquisitionDateTime = data.ContentDate = "19700101"
    data.ContentTime = "000000"
    data.AcquisitionContextSequence = []
    return data


def _write_group(ecg: ECG) -> "Dataset":
    from pydicom.dataset import Dataset

    peaks = np.abs(ecg.signals).max(axis=1)
    sensitivities = [float(f"{max(peak * 1000, 100) * 1.001 / 32767:.4g}") for peak in peaks]  # uV
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = ecg.signals.shape
    group.SamplingFrequency = f"{ecg.rate:.10g}"
    group.ChannelDefinitionSequence = [
        _write_channel(name, step) for name, step in zip(ecg.leads, sensitivities, strict=True)
    ]
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    steps = np.round(ecg.signals * 1000 / np.array(sensitivities)[:, None])
    group.add_new("WaveformData", "OW", steps.astype("<i2").T.tobytes())
    return group


def _write_channel(name: str, sensitivity: float) -> "Dataset":
    from pydicom.dataset import Dataset

    channel = Dataset()
    channel.ChannelSourceSequence = [_code(f"2:{NUMBERS.get(name, 0)}", "MDC", f"Lead {name}")]
    channel.ChannelLabel = name[:16]
    channel.ChannelSensitivity = f"{sensitivity:.4g}"
    channel.ChannelSensitivityUnitsSequence = [_code("uV", "UCUM", "microvolt")]
    channel.ChannelSensitivityCorrectionFactor = "1"
    channel.ChannelBaseline = "0"
    channel.ChannelSampleSkew = "0"
    channel.WaveformBitsStored = 16
    return channel


def _code(value: str, scheme: str, meaning: str) -> "Dataset":
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    if scheme == "UCUM":
        code.CodingSchemeVersion = "1.4"
    return code


FORMAT = Format("DICOM", (".dcm", ".dicom"), lambda start: start[128:132] == b"DICM", read, write)
