"""The report of an inference: its three files, for each answer, whole or not at all."""

import json
from dataclasses import replace

import numpy as np
import pytest

from twin.inverse.finding import LEADS, Answer
from twin.meshes.errors import InputError, TwinError
from twin.meshes.formats import read_grid
from twin.meshes.heart import Heart
from twin.report import location, writing
from twin.report.curves import draw_curves, twelve
from twin.report.evidence import ecg_section, explanation_section
from twin.report.summary import Summary, relative_rms, territory_of
from twin.report.verdict import chance_words, verdict_section
from twin.report.writing import NAMES, check_report, write_report
from twin.simulation.infarct import Infarct, Zone


def page(folder):
    return (folder / "report.html").read_text()


def record(folder):
    """Refusing what Python reads and JSON does not know."""
    return json.loads((folder / "report.json").read_text(), parse_constant=pytest.fail)


def test_the_folder_holds_the_three_files_and_nothing_else(folders):
    for folder in folders.values():
        assert {path.name for path in folder.iterdir()} == set(NAMES)


def test_the_heart_and_its_infarct_come_back(folders, finding):
    path = folders[Answer.INFARCT] / "infarct.vtu"
    heart = Heart.read(path)
    assert heart.content == finding.heart.content
    infarct = Infarct.read(path, heart)
    np.testing.assert_array_equal(infarct.zones, finding.posterior.zones)
    assert infarct.provenance["verdict"] == "infarct"
    assert "research use only" in infarct.provenance["notice"]


def test_the_fields_are_there_for_paraview(folders, finding):
    fields = read_grid(folders[Answer.INFARCT] / "infarct.vtu").point_fields
    chances = np.column_stack(
        [fields[f"probability_{name}"] for name in ("healthy", "border_zone", "scar")]
    )
    np.testing.assert_allclose(chances, finding.posterior.probabilities, atol=1e-6)
    np.testing.assert_allclose(fields["spread"], finding.posterior.spread, atol=1e-6)
    np.testing.assert_array_equal(fields["aha_segment"], finding.heart.segments)
    assert set(np.unique(fields["infarct_zone"])) <= {0, 1, 2}


def test_the_record_has_the_numbers(folders, finding):
    said = record(folders[Answer.INFARCT])
    burden = finding.posterior.burden
    assert said["verdict"]["answer"] == "infarct"
    assert said["scar_percent_of_left_ventricle"]["value"] == pytest.approx(burden.value)
    assert [segment["number"] for segment in said["segments"]] == list(range(1, 18))
    assert said["segments"][12]["territory"] == "LAD"
    assert sum(said["segments"][0]["lead_shares"].values()) == pytest.approx(1)
    assert said["territories"] == {"LAD": 1.0, "LCx": 0.0, "RCA": 0.0}
    assert said["refinement"]["residual_after"] == said["ecg"]["residual"] == 0.23
    assert said["ecg"]["fits_this_heart"] is True
    assert said["warnings"] == list(finding.warnings)
    assert said["hashes"]["heart"] == finding.heart.content


def test_what_is_not_known_is_null(folders):
    healthy, unknown = record(folders[Answer.HEALTHY]), record(folders[Answer.UNKNOWN])
    assert healthy["transmurality_percent_of_wall"]["value"] is None
    assert healthy["territories"]["LAD"] is None
    assert healthy["refinement"] is None
    assert healthy["explanation"] is None
    assert healthy["segments"][0]["lead_shares"] is None
    assert unknown["verdict"]["confidence"] is None
    assert unknown["ecg"]["missing_leads"] == ["II", "V3"]
    assert unknown["ecg"]["residual_by_lead"]["V3"] is None
    assert unknown["ecg"]["fits_this_heart"] is False


def test_the_page_says_what_was_found(folders, finding):
    words = page(folders[Answer.INFARCT])
    assert words.index("V3 and V4 look exchanged") < words.index("no torso was given")
    for part in (
        ">Infarct</h2>",
        "the members of the ensemble agree",
        "research use only",
        "apical septal",
        "Refinement: kept",
        "LAD\u00a0100%",
        "scar Dice",
        "heart: heart.vtu",
        finding.heart.content,
    ):
        assert part in words
    assert words.count("<tr>") > 17
    assert "does not fit this heart" not in words


def test_a_healthy_heart_is_not_ruled_out(folders):
    words = page(folders[Answer.HEALTHY])
    assert ">No infarct found</h2>" in words
    assert "does not rule one out" in words
    assert "none was made" in words
    assert "No explanation was computed" in words
    assert "More likely infarcted" not in words
    assert "nan" not in words.split("</style>")[1].split("<img")[0]


def test_an_ecg_that_does_not_tell_is_no_answer(folders):
    words = page(folders[Answer.UNKNOWN])
    assert ">This ECG does not tell</h2>" in words
    assert "Do not rely on it" in words
    assert "The ECG does not fit this heart" in words
    assert "Leads not given: II, V3." in words
    assert "not kept; the network&#x27;s own proposal is shown" in words


def test_a_heart_without_a_segment_says_so(finding):
    heart = finding.heart
    low = replace(heart.coordinates, apicobasal=np.maximum(heart.coordinates.apicobasal, 0.2))
    summary = Summary(replace(finding, heart=replace(heart, coordinates=low)))
    assert not summary.present[16]
    assert "not in this mesh" in location.segments_section(summary)


def test_without_refinement_an_infarct_is_not_held_against_the_heart(finding):
    summary = Summary(replace(finding, refinement=None, measured=-finding.measured))
    assert summary.fit.residual > 1
    assert not summary.fit.misfit
    assert "says nothing against the heart" in ecg_section(summary)
    assert "does not fit" not in verdict_section(summary)


def test_no_lead_at_all_is_a_misfit_and_not_a_crash(healthy_finding):
    nothing = np.full_like(healthy_finding.measured, np.nan)
    summary = Summary(replace(healthy_finding, measured=nothing))
    assert summary.fit.misfit
    assert "an unknown part" in ecg_section(summary)
    assert set(summary.missing_leads) == set(LEADS)


def test_the_explanation_says_what_its_own_test_found(finding):
    told = replace(finding.explanation, deletion=(59.02, -0.66))
    page = explanation_section(Summary(replace(finding, explanation=told)))
    assert "falls by 59%" in page
    assert "by -1%" in page
    assert "does not hold" not in page


def test_an_explanation_that_fails_its_test_is_not_to_be_read(finding):
    poor = replace(finding.explanation, deletion=(5.0, 6.0))
    assert "does not hold" in explanation_section(Summary(replace(finding, explanation=poor)))


def test_limb_leads_follow_where_they_can(finding):
    known = twelve(finding.measured)
    np.testing.assert_allclose(known["III"], finding.measured[1] - finding.measured[0])
    without = finding.measured.copy()
    without[0] = np.nan
    assert "aVR" not in twelve(without)


def test_the_same_finding_gives_the_same_picture(finding):
    assert draw_curves(Summary(finding)) == draw_curves(Summary(finding))


def test_territories_by_where_most_of_the_scar_is(finding):
    posterior = finding.posterior
    lone = np.zeros_like(posterior.samples)
    inferior = np.isin(Summary(finding).finding.heart.segments, [4, 10])
    zones = np.where(inferior, Zone.SCAR, Zone.HEALTHY)
    lone[0] = posterior.placement.gather(np.eye(3)[zones]).argmax(axis=1)
    said = Summary(replace(finding, posterior=replace(posterior, samples=lone))).territories
    assert said == {"LAD": 0.0, "LCx": 0.0, "RCA": 1.0}
    assert territory_of(5) == "LCx"


def test_an_offset_is_no_misfit(healthy_finding):
    offset = replace(healthy_finding, healthy_ecg=healthy_finding.measured + 3.0)
    assert Summary(offset).fit.residual == pytest.approx(0, abs=1e-9)


def test_relative_rms_of_what_was_measured():
    measured = np.array([[1.0, -1.0], [np.nan, np.nan]])
    assert relative_rms(measured, 0.5 * np.ones((2, 2)) * [1, -1]) == pytest.approx(0.5)
    assert np.isnan(relative_rms(measured[1:], np.ones((1, 2))))


@pytest.mark.parametrize(
    ("chance", "words"), [(0.0, "0%"), (0.004, "< 1%"), (0.5, "50%"), (0.999, "> 99%")]
)
def test_no_certainty_that_was_not_computed(chance, words):
    assert chance_words(chance) == words


def test_no_opengl_leaves_a_report_without_views(healthy_finding, monkeypatch):
    def blind(finding):
        raise TwinError("no OpenGL for pictures")

    monkeypatch.setattr(location, "draw_views", blind)
    assert "no OpenGL for pictures" in location.location_section(Summary(healthy_finding))


def test_a_report_that_fails_leaves_the_earlier_one(folders, healthy_finding, monkeypatch):
    folder = folders[Answer.HEALTHY]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(finding):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "write_page", full)
    with pytest.raises(InputError, match="nothing there has changed"):
        write_report(healthy_finding, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_half_a_report_of_others_is_not_overwritten(healthy_finding, tmp_path):
    (tmp_path / "report.html").write_text("mine")
    for write in (check_report, lambda folder: write_report(healthy_finding, folder)):
        with pytest.raises(InputError, match=r"report\.html but no report\.json"):
            write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
