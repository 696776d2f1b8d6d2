"""Fields over time, as VTK reads them back; and a disk that fills up meanwhile."""

import subprocess
import sys

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOHDF import vtkHDFReader

from twin.benchmarks.boxes import box_heart
from twin.meshes.formats.record import grid_of
from twin.meshes.formats.vtkhdf_series import write_series

TIMES = [-5.0, 0.0, 2.5]


def states(points):
    return (time + np.arange(points) for time in TIMES)


def test_vtk_plays_what_was_written(tmp_path):
    heart = box_heart(2.0, size=(6.0, 4.0, 4.0))
    path = tmp_path / "series.vtkhdf"
    write_series(grid_of(heart), path, "potential", TIMES, states(len(heart.points)))
    reader = vtkHDFReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    assert list(reader.GetOutputInformation(0).Get(reader.GetExecutive().TIME_STEPS())) == TIMES
    for time, state in zip(TIMES, states(len(heart.points)), strict=True):
        reader.UpdateTimeStep(time)
        output = reader.GetOutput()
        np.testing.assert_array_equal(
            vtk_to_numpy(output.GetPointData().GetArray("potential")), state.astype(np.float32)
        )
        np.testing.assert_allclose(vtk_to_numpy(output.GetPoints().GetData()), heart.points)
        assert output.GetPointData().GetArray("transmural")


def test_a_series_that_ends_early_leaves_no_file(tmp_path):
    heart = box_heart(2.0, size=(6.0, 4.0, 4.0))
    with pytest.raises(ValueError, match="zip"):
        write_series(grid_of(heart), tmp_path / "series.vtkhdf", "potential", TIMES, [])
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, sys
import numpy as np
from twin.benchmarks.boxes import box_heart
from twin.meshes.formats.record import grid_of
from twin.meshes.formats.vtkhdf_series import write_series
heart = box_heart(1.0, size=(20.0, 20.0, 20.0))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
states = (np.random.default_rng(i).normal(size=len(heart.points)) for i in range(50))
try:
    write_series(grid_of(heart), sys.argv[1], "potential", range(50), states)
except OSError as error:
    sys.exit(2)
"""


@pytest.mark.parametrize("most", [1_000, 1_000_000, 1_500_000])
def test_a_full_disk_is_an_error_of_the_system(tmp_path, most):
    words = [sys.executable, "-c", FULL, str(tmp_path / "series.vtkhdf"), str(most)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert list(tmp_path.iterdir()) == []
