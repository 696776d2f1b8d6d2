"""Infarcts written, read back, and read from what others write."""

import nibabel
import numpy as np
import pytest

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.border_zone import BorderZone
from twin.simulation.infarction.enhancement import (
    FullWidthHalfMaximum,
    StandardDeviations,
    remote_wall,
)
from twin.simulation.infarction.extent import extent_of
from twin.simulation.infarction.wall import Wall


@pytest.fixture(scope="module")
def heart(coarse_heart):
    return coarse_heart


@pytest.fixture(scope="module")
def infarct(heart):
    return Infarct.sample(heart, 5, mass=0.15, transmurality=0.7, acute=True)


@pytest.fixture
def written(heart, infarct, tmp_path):
    path = tmp_path / "infarct.vtu"
    infarct.write(path, heart)
    return path


@pytest.fixture(scope="module")
def image(heart):
    """Voxels of 2 mm around the heart, and the heart's nodes in them."""
    low = heart.points.min(axis=0) - 6
    shape = np.ceil((np.ptp(heart.points, axis=0) + 12) / 2).astype(int)
    voxel = np.round((heart.points - low) / 2).astype(int)
    # NIfTI's axes point right and forwards.
    affine = np.diag([-2.0, -2.0, 2.0, 1.0])
    affine[:3, 3] = low * [-1, -1, 1]
    return shape, voxel, affine


def share(infarct, heart):
    wall = Wall.of(heart)
    return extent_of(infarct.zones == Zone.SCAR, wall).left / wall.left_volume


class TestOwn:
    def test_what_was_written_comes_back(self, heart, infarct, written):
        again = Infarct.read(written, heart)
        assert again.content == infarct.content
        assert again.acute
        assert again.provenance["seed"] == 5
        assert Heart.read(written).content == heart.content

    def test_fields_are_named_in_full(self, heart, infarct, written):
        import pyvista

        mesh = pyvista.read(written)
        np.testing.assert_array_equal(mesh.point_data["infarct_zone"], infarct.zones)
        np.testing.assert_array_equal(mesh.point_data["scar"], infarct.zones == Zone.SCAR)
        zones = mesh.cell_data["infarct_zone"][: len(heart.tetrahedra)]
        np.testing.assert_array_equal(zones, infarct.elements(heart))

    def test_vtkhdf_holds_it_too(self, heart, infarct, tmp_path):
        infarct.write(tmp_path / "infarct.vtkhdf", heart)
        assert Infarct.read(tmp_path / "infarct.vtkhdf", heart).content == infarct.content

    def test_another_heart_is_refused(self, heart, written):
        from twin.meshes.anatomy.population import sample_heart

        with pytest.raises(InputError, match="another heart"):
            Infarct.read(written, sample_heart(1, nodes=3000))

    def test_formats_that_cannot_hold_it_are_refused(self, heart, infarct, tmp_path):
        with pytest.raises(InputError, match="does not hold an infarct"):
            infarct.write(tmp_path / "infarct.stl", heart)

    def test_an_edited_file_is_read_by_its_field_alone(self, heart, infarct, written, tmp_path):
        import pyvista

        mesh = pyvista.read(written)
        mesh.point_data["infarct_zone"][:] = np.roll(mesh.point_data["infarct_zone"], 1)
        mesh.save(tmp_path / "edited.vtu")
        with pytest.raises(InputError, match="not the one that was written"):
            Infarct.read(tmp_path / "edited.vtu", heart)
        read = Infarct.read(tmp_path / "edited.vtu", heart, field="infarct_zone")
        assert (read.zones >= np.roll(infarct.zones, 1)).all()

    def test_a_file_without_an_infarct_says_so(self, heart, coarse_heart_file):
        with pytest.raises(InputError, match="no infarct_zone and no lists of scar"):
            Infarct.read(coarse_heart_file, heart)
        with pytest.raises(InputError, match="no field 'lge'"):
            Infarct.read(coarse_heart_file, heart, field="lge")


class TestLabels:
    def test_of_nodes(self, heart, infarct):
        read = Infarct.of_labels(heart, infarct.zones)
        np.testing.assert_array_equal(read.zones, infarct.zones)

    def test_of_tetrahedra(self, heart, infarct):
        elements = infarct.elements(heart)
        read = Infarct.of_labels(heart, elements)
        np.testing.assert_array_equal(read.elements(heart), elements)

    def test_a_border_zone_is_made_where_none_is_named(self, heart, infarct):
        read = Infarct.of_labels(heart, infarct.zones, labels={"scar": 2}, border=BorderZone(3.0))
        assert (read.zones == Zone.BORDER).any()
        np.testing.assert_array_equal(read.zones == Zone.SCAR, infarct.zones == Zone.SCAR)

    def test_what_scar_encloses_is_scar(self, heart):
        middle = Wall.of(heart).middles[Wall.of(heart).column_at(0.5, 0.3)]
        distance = np.linalg.norm(heart.points - middle, axis=1)
        labels = np.where((distance < 25) & (distance > 12), 2, 0)
        read = Infarct.of_labels(heart, labels)
        assert (read.zones[distance < 12] == Zone.SCAR).all()
        assert read.provenance["enclosed_nodes"] > 0

    def test_mistakes_are_explained(self, heart):
        with pytest.raises(InputError, match="5 labels; expected one for each"):
            Infarct.of_labels(heart, np.full(5, 2))
        with pytest.raises(InputError, match="none of the labels"):
            Infarct.of_labels(heart, np.zeros(len(heart.points)))
        with pytest.raises(InputError, match="expected the number of 'scar'"):
            Infarct.of_labels(heart, np.zeros(len(heart.points)), labels={"core": 1})

    def test_of_voxels(self, heart, infarct, image, tmp_path):
        shape, voxel, affine = image
        labels = np.zeros(shape, np.uint8)
        scar = infarct.zones == Zone.SCAR
        labels[tuple(voxel[scar].T)] = 7
        nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / "labels.nii.gz")
        read = Infarct.read(tmp_path / "labels.nii.gz", heart, labels={"scar": 7})
        assert (read.zones[scar] == Zone.SCAR).all()
        assert share(read, heart) == pytest.approx(share(infarct, heart), abs=0.04)

    def test_an_image_elsewhere_is_refused(self, heart, image, tmp_path):
        shape, _, affine = image
        affine = affine.copy()
        affine[0, 3] += 150
        labels = np.ones(shape, np.uint8)
        nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / "labels.nii.gz")
        with pytest.raises(InputError, match="of the left ventricle lies where it has values"):
            Infarct.read(tmp_path / "labels.nii.gz", heart, labels={"scar": 1})
        with pytest.raises(InputError, match="needs either labels"):
            Infarct.read(tmp_path / "labels.nii.gz", heart)


@pytest.fixture(scope="module")
def enhancement(heart, infarct):
    """Remote wall 100 +- 15, border zone 190, scar 400."""
    random = np.random.default_rng(0)
    level = np.array([100.0, 190.0, 400.0])[infarct.zones]
    return level + 15 * random.normal(size=len(level))


class TestEnhancement:
    def test_the_remote_wall_is_found(self, enhancement):
        mean, deviation = remote_wall(enhancement)
        assert mean == pytest.approx(100, abs=5)
        assert deviation == pytest.approx(15, abs=4)

    @pytest.mark.parametrize(
        "threshold", [FullWidthHalfMaximum(0.6, 0.36), StandardDeviations(10, 3.5)]
    )
    def test_thresholds_bring_the_zones_back(self, heart, infarct, enhancement, threshold):
        left = heart.coordinates.ventricle == 0
        read = Infarct.of_enhancement(heart, enhancement, threshold)
        assert (read.zones == infarct.zones)[left].mean() > 0.98
        assert not read.zones[~left].any()
        limits = read.provenance["limits"]
        assert 100 < limits["border"] < 190 < limits["scar"] < 400

    def test_an_image_of_intensities(self, heart, infarct, enhancement, image, tmp_path):
        shape, voxel, affine = image
        values = np.full(shape, 100.0, np.float32)
        values[tuple(voxel.T)] = enhancement
        nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "lge.nii")
        threshold = FullWidthHalfMaximum(0.6, 0.4)
        read = Infarct.read(tmp_path / "lge.nii", heart, threshold=threshold)
        assert share(read, heart) == pytest.approx(share(infarct, heart), abs=0.06)

    def test_a_field_of_a_mesh(self, heart, infarct, enhancement, written, tmp_path):
        import pyvista

        mesh = pyvista.read(written)
        mesh.point_data["lge"] = enhancement
        mesh.save(tmp_path / "lge.vtu")
        threshold = StandardDeviations(10, 3.5)
        read = Infarct.read(tmp_path / "lge.vtu", heart, field="lge", threshold=threshold)
        expected = Infarct.of_enhancement(heart, enhancement, threshold)
        assert read.content == expected.content

    def test_mistakes_are_explained(self, heart):
        with pytest.raises(InputError, match="nothing is enhanced"):
            Infarct.of_enhancement(heart, np.ones(len(heart.points)), StandardDeviations())
        with pytest.raises(InputError, match=r"core 2\.0, border 5\.0"):
            StandardDeviations(2.0, 5.0)
        with pytest.raises(InputError, match="not finite"):
            Infarct.of_enhancement(heart, np.full(len(heart.points), np.nan), StandardDeviations())


class TestLists:
    @pytest.fixture
    def subject(self, heart, infarct, tmp_path):
        """Numbers from 1, in files beside the mesh."""
        heart.write(tmp_path / "S1_heart_cobiveco.vtu")
        for name, zone in (("scar", Zone.SCAR), ("borderzone", Zone.BORDER)):
            nodes = np.flatnonzero(infarct.zones == zone) + 1
            path = tmp_path / f"S1_lv{name}nodes_A1_transmural.csv"
            np.savetxt(path, nodes, fmt="%d")
        return tmp_path

    def test_lists_of_nodes(self, heart, infarct, subject):
        for name in ("S1_heart_cobiveco.vtu", "S1_lvscarnodes_A1_transmural.csv"):
            read = Infarct.read(subject / name, heart)
            np.testing.assert_array_equal(read.zones, infarct.zones)

    def test_one_of_several_kinds_has_to_be_chosen(self, heart, subject):
        np.savetxt(subject / "S1_lvscarnodes_B2_subendo.csv", np.arange(1, 9), fmt="%d")
        with pytest.raises(InputError, match="choose one of its lists of scar: A1_transmural, B2"):
            Infarct.read(subject / "S1_heart_cobiveco.vtu", heart)
        read = Infarct.read(subject / "S1_heart_cobiveco.vtu", heart, kind="A1_transmural")
        assert (read.zones == Zone.SCAR).any()

    def test_a_list_without_its_mesh_says_so(self, heart, tmp_path):
        np.savetxt(tmp_path / "S2_lvscarnodes_A1.csv", [1, 2], fmt="%d")
        with pytest.raises(InputError, match="needs its mesh beside it"):
            Infarct.read(tmp_path / "S2_lvscarnodes_A1.csv", heart)
