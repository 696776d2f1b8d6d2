"""Foreign files are parsed in another process, which may crash, hang or swell without harm.

VTK, meshio and HDF5 abort the interpreter, call `sys.exit` or allocate what a damaged header
claims. `run` has the `warden` call a parser under limits and takes back plain arrays.
"""

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twin.meshes.errors import InputError, TwinError

GIGABYTE = 2**30
PATIENCE = 60.0
"""Seconds beyond a request's own limit, to load modules; then the warden counts as stuck."""


@dataclass(frozen=True)
class Limits:
    """What one request may use: seconds on the clock, bytes of address space."""

    seconds: float = 6.0
    bytes: int = 2 * GIGABYTE

    @staticmethod
    def for_size(size: int) -> "Limits":
        """Room for an honest file of `size` bytes: text unfolds some tenfold on its way."""
        return Limits(6.0 + size / 4e6, 2 * GIGABYTE + 16 * max(0, size - 10_000_000))


@dataclass
class _Warden:
    """The running process, and who started it: after a fork of ours it is not the child's."""

    process: subprocess.Popen[str]
    owner: int

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        wait = request["seconds"] + PATIENCE
        ready, _, _ = select.select([self.process.stdout], [], [], wait)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise OSError("the warden does not answer")
        return json.loads(line)

    def stop(self) -> None:
        if self.owner == os.getpid():
            self.process.kill()
            with contextlib.suppress(OSError):
                self.process.communicate()


_lock = threading.Lock()
_warden: _Warden | None = None
peak_bytes = 0
"""The most memory that a request has used so far."""


def run(
    function: str,
    *arguments: object,
    flatten: str = "builtins:dict",
    limits: Limits | None = None,
    **options: object,
) -> dict[str, np.ndarray]:
    """The arrays that `function` ('twin.module:name') returns, called in the quarantine.

    `flatten` names the function that makes a dictionary of arrays of what it returns. Arguments
    and options travel as JSON, the arrays as an .npz without objects. Raises InputError with the
    parser's own words where it refused, and with what happened where it failed.
    """
    global peak_bytes
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="twin-") as folder:
        result = str(Path(folder) / "arrays.npz")
        request = {
            "function": function,
            "flatten": flatten,
            "arguments": arguments,
            "options": options,
            "result": result,
            "seconds": limits.seconds,
            "bytes": limits.bytes,
        }
        reply = _ask(request)
        peak_bytes = max(peak_bytes, reply.get("peak_bytes", 0))
        if "missing" in reply:
            raise TwinError(f"the reader {function} cannot be loaded ({reply['missing']})")
        if "refused" in reply:
            raise InputError(reply["refused"])
        if "fault" in reply:
            raise InputError(_explain(reply, limits))
        with np.load(result, allow_pickle=False) as arrays:
            return dict(arrays)


def _explain(reply: dict[str, Any], limits: Limits) -> str:
    if reply["fault"] == "time":
        late = f"reading it took more than {limits.seconds:.0f} s and was stopped"
        return f"{late}; it is damaged, or the machine has no time for it"
    if reply["fault"] == "memory":
        return f"reading it needs more than {limits.bytes / GIGABYTE:.0f} GB; it is damaged"
    if reply["fault"] == "crash":
        return f"its reader crashed ({reply['signal']}); it is damaged or another kind of file"
    reason = " ".join(reply.get("error", reply["fault"]).split())[:200]
    return f"it cannot be understood ({reason}); it is damaged or another kind of file"


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    """One request at a time; a warden that does not answer is replaced once."""
    global _warden
    with _lock:
        for _ in range(2):
            if _warden is None or _warden.owner != os.getpid():
                _warden = _start()
            try:
                return _warden.ask(request)
            except (OSError, ValueError):
                _warden.stop()
                _warden = None
    raise TwinError("the process that reads files does not answer; is the machine out of memory?")


def _start() -> _Warden:
    # One thread each: a fork keeps only the calling one, and idle pools cost address space.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    # Filters are plug-ins to HDF5: a file must not choose code to load.
    environment["HDF5_PLUGIN_PATH"] = "::"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "twin.meshes.formats.warden"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    warden = _Warden(process, os.getpid())
    atexit.register(warden.stop)
    return warden
