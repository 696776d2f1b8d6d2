"""ECG paper in true size: what is drawn where, and the files."""

import numpy as np
import pytest
from matplotlib.image import imread

from twin.benchmarks.synthetic_ecg import Q, R, S, T, synthetic_ecg
from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG
from twin.simulation.recording.paper import PAGE, draw_paper, plot_ecgs


def traces(figure):
    """The lines that are leads: more points than a pulse or a tick has."""
    return [line.get_xydata() for line in figure.axes[0].lines if len(line.get_xdata()) > 10]


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_square_is_a_millimetre():
    figure = draw_paper({"": synthetic_ecg(beats=12)})
    np.testing.assert_allclose(figure.get_size_inches() * 25.4, PAGE)
    axes = figure.axes[0]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, PAGE[0]), (0, PAGE[1]))
    assert axes.get_position().bounds == (0, 0, 1, 1)


def test_speed_and_gain():
    step = ECG(np.repeat([[0.0, 1.0, 0.0]], [1000, 400, 1600], axis=1), 1000, ("II",))
    first, *_ = traces(draw_paper({"": step}))
    raised = first[first[:, 1] > first[0, 1] + 5]
    assert np.ptp(raised[:, 0]) == pytest.approx(0.4 * 25, abs=0.1)
    assert raised[0, 1] - first[0, 1] == pytest.approx(10)


def test_twelve_leads_a_strip_and_the_legend_of_the_sheet():
    figure = draw_paper({"": synthetic_ecg(beats=12)}, title="patient 7")
    assert len(traces(figure)) == 13
    said = words(figure)
    assert said.count("II") == 2
    assert {"I", "aVR", "V6", "patient 7", "25 mm/s   10 mm/mV", "1000 Hz; no filter"} <= set(said)


def test_a_long_recording_runs_on_and_a_short_one_starts_anew():
    long, short = synthetic_ecg(beats=12), synthetic_ecg(beats=1, waves=(Q, R, S, T))
    for ecg, moment in ((long, 2500), (short, 0)):
        second_column = traces(draw_paper({"": ecg}))[3]
        expected = ecg.lead("aVR")[moment : moment + 2501]
        np.testing.assert_allclose(np.diff(second_column[:, 1]), 10 * np.diff(expected), atol=1e-9)


def test_a_missing_lead_is_said():
    ecg = synthetic_ecg(beats=12).select("I", "II", "V1")
    assert "V4 not recorded" in words(draw_paper({"": ecg}))
    assert "aVF" in words(draw_paper({"": ecg}))


def test_overlays_have_names_and_colours():
    figure = draw_paper({"measured": synthetic_ecg(noise=0.02), "simulated": synthetic_ecg()})
    assert len(traces(figure)) == 26
    assert {"measured", "simulated", "simulated: 1000 Hz; no filter"} <= set(words(figure))


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_files_are_the_same_every_time(tmp_path, ending):
    ecg, path = synthetic_ecg(beats=2), tmp_path / f"ecg.{ending}"
    ecg.plot(path, dots_per_inch=100)
    first = path.read_bytes()
    ecg.plot(path, dots_per_inch=100)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]
    if ending == "png":
        assert imread(path).shape[:2] == (826, 1169)


def test_what_it_refuses(tmp_path):
    ecg = synthetic_ecg(beats=1)
    with pytest.raises(InputError, match=r"written as \.png, \.pdf, \.svg"):
        ecg.plot(tmp_path / "ecg.bmp")
    with pytest.raises(InputError, match="7 ECGs for one sheet"):
        plot_ecgs({str(i): ecg for i in range(7)}, tmp_path / "ecg.png")
