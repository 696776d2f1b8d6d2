"""Whatever a parser does, its caller gets an answer or one clear error, and the next is served."""

import os
import time

import numpy as np
import pytest

from twin.meshes.errors import InputError, TwinError
from twin.meshes.formats import quarantine
from twin.meshes.formats.quarantine import Limits, run

BAD = "twin.benchmarks.misbehaviour"
SHORT = Limits(seconds=1.0, bytes=2**30)


def test_arrays_arguments_and_options_pass():
    arrays = run(f"{BAD}:behave", 5, factor=0.5)
    np.testing.assert_array_equal(arrays["numbers"], np.arange(5) / 2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("refuse", "^the third column is missing$"),
        ("stumble", "cannot be understood .*KeyError.*Points"),
        ("leave", "cannot be understood .*SystemExit"),
        ("crash", "crashed .*SIGSEGV"),
        ("vanish", "crashed .*exit 3"),
        ("hang", "more than 1 s"),
        ("spin", "more than 1 s|SIGXCPU"),
        ("swell", "more than 1 GB"),
        ("smuggle", "cannot be understood|objects|pickle"),
    ],
)
def test_misbehaviour_is_one_clear_error(name, said):
    start = time.monotonic()
    with pytest.raises(InputError, match=said):
        run(f"{BAD}:{name}", limits=SHORT)
    assert time.monotonic() - start < 8
    assert len(run(f"{BAD}:behave", 3)["numbers"]) == 3


def test_output_is_limited(tmp_path):
    with pytest.raises(InputError):
        run(f"{BAD}:fill_disk", str(tmp_path), limits=Limits(5.0, 2**28))
    assert (tmp_path / "huge").stat().st_size <= 2**28


def test_only_our_readers_are_called():
    with pytest.raises(TwinError, match="not one of the readers"):
        run("os:system", "true")
    with pytest.raises(TwinError, match="cannot be loaded"):
        run("twin.meshes.nothing:parse")


def test_a_killed_warden_is_replaced():
    run(f"{BAD}:behave", 1)
    assert quarantine._warden is not None
    quarantine._warden.process.kill()
    quarantine._warden.process.wait()
    assert len(run(f"{BAD}:behave", 2)["numbers"]) == 2


def test_the_warden_serves_many_in_one_process():
    run(f"{BAD}:behave", 1)
    assert quarantine._warden is not None
    first = quarantine._warden.process.pid
    for _ in range(20):
        run(f"{BAD}:behave", 1)
    assert quarantine._warden.process.pid == first
    assert quarantine._warden.owner == os.getpid()


def test_honest_large_files_get_more_room():
    small, large = Limits.for_size(10_000), Limits.for_size(1_000_000_000)
    assert small.seconds < 10
    assert small.bytes == 2 * 2**30
    assert large.seconds > 100
    assert large.bytes > 10 * 2**30
