"""Files: there and back in every format, other groups' layouts, what is inferred, what is refused.

Foreign readers stand beside ours where they are installed: wfdb and pyEDFlib.
"""

from dataclasses import replace
from functools import cache

import h5py
import numpy as np
import pytest

from twin.benchmarks.synthetic_ecg import synthetic_ecg
from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG
from twin.simulation.leads import INDEPENDENT, STANDARD
from twin.simulation.recording.files import read_ecg

# mV lost on the way: half a step of 16 bits of the largest lead, or the digits of the text.
ROUNDING = {"hea": 1e-4, "csv": 1e-6, "dcm": 5e-5, "h5": 0.0, "edf": 5e-5}


@cache
def recording(rate=500.0, beats=6):
    return synthetic_ecg(rate=rate, beats=beats, noise=0.01)


def eight(ecg):
    return ecg.select(*INDEPENDENT).signals


@pytest.mark.parametrize("ending", ROUNDING)
@pytest.mark.parametrize("rate", [250.0, 360.0, 500.0, 1000.0])
def test_there_and_back(tmp_path, ending, rate):
    ecg = recording(rate, 3)
    path = tmp_path / f"ecg.{ending}"
    ecg.write(path)
    again = ECG.read(path)
    assert again.leads == ecg.leads
    assert again.rate == ecg.rate
    assert again.remarks == ()
    assert again.signals.shape == ecg.signals.shape
    assert np.abs(again.signals - ecg.signals).max() <= ROUNDING[ending]
    assert again.provenance["origin"] == path.name
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize("ending", ROUNDING)
def test_the_same_ecg_gives_the_same_bytes(tmp_path, ending):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        recording().write(tmp_path / name / f"ecg.{ending}")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("ending", ROUNDING)
def test_a_few_leads_of_odd_length(tmp_path, ending):
    ecg = recording().select("V2", "I").between(0, 998)
    ecg.write(tmp_path / f"ecg.{ending}")
    again = ECG.read(tmp_path / f"ecg.{ending}")
    assert again.leads == ("V2", "I")
    assert again.signals.shape == (2, 499)


@pytest.mark.parametrize("ending", ["dcm", "h5", "edf"])
def test_content_tells_the_format(tmp_path, ending):
    recording().write(tmp_path / f"ecg.{ending}")
    (tmp_path / f"ecg.{ending}").rename(tmp_path / "IM0001")
    assert ECG.read(tmp_path / "IM0001").leads == STANDARD


def test_remarks_and_provenance_survive_hdf5(tmp_path):
    ecg = replace(recording(), remarks=("filtered",), provenance={"seed": 7})
    ecg.write(tmp_path / "ecg.h5")
    again = ECG.read(tmp_path / "ecg.h5")
    assert again.remarks == ("filtered",)
    assert again.provenance["seed"] == 7


def test_wfdb_reads_what_we_write(tmp_path):
    wfdb = pytest.importorskip("wfdb", reason="peer not installed")
    recording().write(tmp_path / "r1.hea")
    theirs = wfdb.rdrecord(str(tmp_path / "r1"))
    assert theirs.sig_name == list(STANDARD)
    np.testing.assert_allclose(theirs.p_signal.T, ECG.read(tmp_path / "r1").signals, atol=1e-12)
    assert np.abs(theirs.p_signal.T - recording().signals).max() < 1e-4


# pandas warns wfdb about its own habits.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("storage", ["16", "212", "24", "32", "80"])
def test_we_read_what_wfdb_writes(tmp_path, storage):
    wfdb = pytest.importorskip("wfdb", reason="peer not installed")
    signals = recording(beats=3).select("I", "V2", "aVF").signals.T
    gain = {"80": 40, "212": 500}.get(storage, 1000)
    wfdb.wrsamp(
        "r2",
        fs=500,
        units=["mV", "uV", "mV"],
        sig_name=["i", "v2", "avf"],
        p_signal=signals * [1, 1000, 1],
        fmt=[storage] * 3,
        adc_gain=[gain, gain / 1000, gain],
        baseline=[10, 0, -5],
        write_dir=str(tmp_path),
    )
    ours = ECG.read(tmp_path / "r2.dat")
    assert ours.leads == ("I", "V2", "aVF")
    assert "different units (mV, uV)" in " ".join(ours.remarks)
    assert "checksum" not in " ".join(ours.remarks)
    assert np.abs(ours.signals - signals.T).max() <= 0.51 / gain


def test_pyedflib_reads_what_we_write(tmp_path):
    pyedflib = pytest.importorskip("pyedflib", reason="peer not installed")
    recording().write(tmp_path / "ecg.edf")
    with pyedflib.EdfReader(str(tmp_path / "ecg.edf")) as theirs:
        assert theirs.getSignalLabels()[3] == "ECG aVR"
        assert theirs.getSampleFrequency(0) == 500
        lead = theirs.readSignal(3)[: recording().signals.shape[1]]
    assert np.abs(lead - recording().lead("aVR")).max() < 5e-5


def test_dicom_says_what_it_is(tmp_path):
    import pydicom

    recording().write(tmp_path / "ecg.dcm")
    data = pydicom.dcmread(tmp_path / "ecg.dcm")
    assert data.SOPClassUID.name == "12-lead ECG Waveform Storage"
    theirs = data.waveform_array(0).T / 1000
    assert np.abs(theirs - recording().signals).max() < 5e-5
    long = synthetic_ecg(rate=500, beats=40)
    long.write(tmp_path / "long.dcm")
    assert pydicom.dcmread(tmp_path / "long.dcm").SOPClassUID.name == "General ECG Waveform Storage"


@pytest.mark.parametrize("factor", [1.0, 1000.0])
@pytest.mark.parametrize("turned", [False, True])
def test_bare_numbers_in_rows_or_columns(tmp_path, factor, turned):
    table = recording(beats=11).signals[:, :5000] * factor
    np.savetxt(tmp_path / "ecg.csv", table if turned else table.T, delimiter=",", fmt="%.6g")
    ecg = ECG.read(tmp_path / "ecg.csv")
    assert ecg.leads == STANDARD
    assert ecg.rate == 500
    assert np.abs(ecg.signals - recording(beats=11).signals[:, :5000]).max() < 1e-4
    said = " ".join(ecg.remarks)
    assert f"taken as {'mV' if factor == 1 else 'uV'}" in said
    assert "taken as 500 Hz by the heart beat" in said
    assert "taken as I II III" in said


@pytest.mark.parametrize(
    ("header", "separator", "comma"),
    [("time [s];i (uV);V1 (mV)", ";", True), ("t\tI_uV\tc1/mV", "\t", False)],
)
def test_headers_name_leads_units_and_time(tmp_path, header, separator, comma):
    ecg = recording()
    rows = np.column_stack([ecg.times / 1000, ecg.lead("I") * 1000, ecg.lead("V1")])
    text = "\n".join(separator.join(f"{value:.6f}" for value in row) for row in rows)
    text = text.replace(".", ",") if comma else text
    (tmp_path / "ecg.csv").write_text(f"{header}\n{text}\n")
    again = ECG.read(tmp_path / "ecg.csv")
    assert again.leads == ("I", "V1")
    assert again.rate == 500
    assert np.abs(again.signals - ecg.select("I", "V1").signals).max() < 1e-5
    assert "different units" in " ".join(again.remarks)


def test_rows_that_begin_with_their_names(tmp_path):
    ecg = recording().select("avl", "v6")
    lines = [
        ",".join([name, *(f"{v:.5f}" for v in row)])
        for name, row in zip(("AVL", "v6"), ecg.signals, strict=True)
    ]
    (tmp_path / "ecg.csv").write_text("\n".join(lines))
    again = ECG.read(tmp_path / "ecg.csv", rate=500, unit="mV")
    assert again.leads == ("aVL", "V6")
    assert np.abs(again.signals - ecg.signals).max() < 1e-5


def test_oxford_layout(tmp_path):
    ecg = recording(1000.0, 3)
    table = eight(ecg) * 1000
    np.savetxt(tmp_path / "DTI4_clinical_full_ecg.csv", table, delimiter=",", fmt="%.3f")
    np.savetxt(tmp_path / "DTI4_clinical_qrs_ecg.csv", table.reshape(1, -1), delimiter=",")
    for name in ("DTI4_clinical_full_ecg.csv", "DTI4_clinical_qrs_ecg.csv"):
        again = ECG.read(tmp_path / name)
        assert again.leads == INDEPENDENT
        assert again.rate == 1000
        assert np.abs(again.signals - eight(ecg)).max() < 1e-5
        assert "Oxford" in " ".join(again.remarks)


def test_li_layouts(tmp_path):
    ecg = recording(500.0, 11)
    indexed = np.column_stack([[3, 1, 4, 1, 5, 9, 2, 6], eight(ecg)[:, :5000] * 1000])
    np.savetxt(tmp_path / "17_clinical_full_ecg_UKB_raw_8leads.csv", indexed, delimiter=",")
    clinical = ECG.read(tmp_path / "17_clinical_full_ecg_UKB_raw_8leads.csv")
    assert (clinical.rate, clinical.leads) == (500, INDEPENDENT)
    assert np.abs(clinical.signals - eight(ecg)[:, :5000]).max() < 1e-5
    beat = np.full((8, 512), np.nan)
    beat[:, :450] = eight(recording(1000.0, 1))[:, 300:750]
    np.savetxt(tmp_path / "17_simulated_ECG_B1_large_subendo.csv", beat, delimiter=",")
    simulated = ECG.read(tmp_path / "17_simulated_ECG_B1_large_subendo.csv")
    assert simulated.signals.shape == (8, 450)
    assert simulated.rate == 1000


def test_missing_samples_are_filled_and_a_broken_lead_left_out(tmp_path):
    ecg = recording()
    table = ecg.signals.T.copy()
    table[100:104, 0] = np.nan
    table[:2000, 8] = np.nan
    np.savetxt(tmp_path / "e.csv", table, delimiter=",", header=",".join(STANDARD), comments="")
    again = ECG.read(tmp_path / "e.csv", rate=500, unit="mV")
    assert "V3" not in again.leads
    assert np.abs(again.lead("I") - ecg.lead("I")).max() < 0.05
    assert "lead I: 4 missing samples filled" in " ".join(again.remarks)


def test_an_hdf5_of_others(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["ecg"] = recording().signals.T
        file["ecg"].attrs["fs"] = 500
        file["ecg"].attrs["units"] = "mV"
    again = ECG.read(tmp_path / "e.h5", leads=STANDARD)
    np.testing.assert_array_equal(again.signals, recording().signals)


def header(tmp_path, text, samples=10):
    (tmp_path / "r.hea").write_text(text)
    (tmp_path / "r.dat").write_bytes(np.arange(samples, dtype="<i2").tobytes())
    return tmp_path / "r.hea"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("r 1 500 1000000000000\nr.dat 16 200\n", "holds 10 samples a signal where"),
        ("r 5000000 500 10\nr.dat 16 200\n", "claims 5,000,000 signals and describes 1"),
        ("r 1 500 10\n../r.dat 16 200\n", "is not a file beside the header"),
        ("r 1 500 10\n/etc/passwd 16 200\n", "is not a file beside the header"),
        ("r 1 500 10\nx.dat 16 200\n", "none of the signal files"),
        ("r 1 500 10\nr.dat 508 200\n", "format 508"),
        ("r 1 500 10\nr.dat 16x4 200\n", "several samples a frame"),
        ("r 1 500 10\nr.dat 16 1e999\n", "gain"),
        ("r/3 1 500 10\nr.dat 16 200\n", "multi-segment"),
        ("r 1 abc 10\nr.dat 16 200\n", "'abc' is not a number"),
        ("r 1 -5 10\nr.dat 16 200 16 0 0 0 0 I\n", "rate is -5 Hz"),
        ("", "not a WFDB header"),
    ],
)
def test_wfdb_headers_that_lie(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        ECG.read(header(tmp_path, text))


def test_wfdb_doubts_are_remarked(tmp_path):
    path = header(tmp_path, "r 1 500 10\nr.dat 16 0 16 0 0 99 0 I\n")
    said = " ".join(ECG.read(path).remarks)
    assert "no gain given for I: 200 steps a mV assumed" in said
    assert "checksum wrong in I" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("I,II\n", "header and no rows"),
        ("I,II\n1,2\n3\n", "line 3 has 1 fields, expected 2"),
        ("I,II\n1,2\n3,x\n", "line 3: 'x' is not a number"),
        ("# rate 500\n# unit mV\nI,i\n1,2\n3,4\n", "I appears more than once"),
        ("time,I\n0,1\n1,2\n5,3\n", "does not rise in equal steps"),
        ("5,2,3\n4,9,6\n7,8,1\n", "3 leads without names"),
        ("I (uV),II\n1,2\n3,4\n", "some leads have a unit and others none"),
        ("I (mmHg)\n1\n3\n", "'mmHg' is not a unit"),
        ("# unit furlong\nI\n1\n3\n", "'furlong' is not a unit"),
        ("# rate fast\nI\n1\n3\n", "rate 'fast'"),
        ("I\n0\n0\n0\n", "declare it, e.g. unit='mV'"),
        ("# unit mV\nI\n0\n1\n0\n", "declare it, e.g. rate=500"),
        ("# unit mV\n# rate 500\nI\n0\n1200\n0\n", "declare the true one, e.g. unit='uV'"),
        ("I\ninf\nnan\nnan\n", "no lead is whole"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, text, words):
    (tmp_path / "ecg.csv").write_text(text)
    with pytest.raises(InputError, match=rf"ecg\.csv: .*{words}"):
        ECG.read(tmp_path / "ecg.csv")


def test_hdf5_never_leaves_its_file(tmp_path):
    recording().write(tmp_path / "secret.h5")
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["signals"] = h5py.ExternalLink("secret.h5", "signals")
    with pytest.raises(InputError, match="0 two-dimensional datasets"):
        ECG.read(tmp_path / "e.h5")
    with h5py.File(tmp_path / "v.h5", "w") as file:
        layout = h5py.VirtualLayout((2, 9), float)
        layout[:] = h5py.VirtualSource("secret.h5", "signals", (2, 9))
        file.create_virtual_dataset("signals", layout)
    with pytest.raises(InputError, match="stored in other files"):
        ECG.read(tmp_path / "v.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("signals", (12, 10_000_000), float, chunks=(12, 1000), compression=9)
    with pytest.raises(InputError, match="claims 960,000,000 bytes and stores 0"):
        ECG.read(tmp_path / "b.h5")


def test_what_is_not_there_or_not_an_ecg(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        ECG.read(tmp_path / "nothing.csv")
    (tmp_path / "x.docx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"expected \.hea, \.dat, \.csv"):
        ECG.read(tmp_path / "x.docx")
    with pytest.raises(InputError, match=r"expected \.hea"):
        recording().write(tmp_path / "ecg.mat")
    with pytest.raises(InputError, match="200 to 1000 Hz, not 100"):
        recording().resample(100).write(tmp_path / "ecg.dcm")


def mutated(content, random):
    """A few bytes flipped, a piece cut out, doubled, or the end cut off."""
    content = bytearray(content)
    # Headers are where the damage is: half the flips go there.
    for _ in range(random.integers(1, 12)):
        reach = min(len(content), 3500) if random.random() < 0.5 else len(content)
        content[random.integers(reach)] = random.integers(256)
    start, size = random.integers(len(content)), int(random.integers(1, 2000))
    match random.integers(4):
        case 0:
            del content[start : start + size]
        case 1:
            content[start:start] = content[start : start + size]
        case 2:
            del content[start:]
    return bytes(content)


@pytest.mark.parametrize("ending", ROUNDING)
def test_damaged_files_are_refused_or_read(tmp_path, ending):
    """80 mutations a format: a clean error, or an ECG that is finite and as long as it says."""
    recording().between(0, 2000).write(tmp_path / f"ecg.{ending}")
    random = np.random.default_rng(11)
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    outcomes = {"refused": 0, "read": 0}
    for _ in range(80):
        name = random.choice(sorted(whole))
        (tmp_path / name).write_bytes(mutated(whole[name], random))
        try:
            ecg = read_ecg(tmp_path / f"ecg.{ending}")
            assert np.isfinite(ecg.signals).all()
            assert ecg.signals.nbytes < 2**24
            outcomes["read"] += 1
        except InputError:
            outcomes["refused"] += 1
        (tmp_path / name).write_bytes(whole[name])
    assert outcomes["refused"] >= 10
    assert sum(outcomes.values()) == 80
