"""The process that keeps foreign parsers in check: `python -m twin.meshes.formats.warden`.

It answers one JSON line on standard input with one on standard output. Each request runs in a
fork with limits on memory, time and output, so that whatever a parser does ends with that fork.
Modules are imported before the fork: the next request finds them loaded and costs milliseconds.
(multiprocessing's fork server would run the user's script a second time; this does not.)
"""

import contextlib
import gc
import json
import math
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats.registry import find_function

Request = dict[str, Any]
Reply = dict[str, Any]


def serve() -> None:
    """Answer requests until standard input closes, which it does when the asking process ends."""
    replies = os.fdopen(os.dup(1), "w")
    _silence()
    warnings.simplefilter("ignore")
    requests = os.fdopen(os.dup(0), "r")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for line in requests:
        replies.write(json.dumps(_answer(json.loads(line))) + "\n")
        replies.flush()


def _silence() -> None:
    """Parsers write to the descriptors directly; none of it is to mix with the replies."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _answer(request: Request) -> Reply:
    try:
        function = find_function(request["function"])
        flatten = find_function(request["flatten"])
    except Exception as error:
        return {"missing": f"{type(error).__name__}: {error}"}
    gc.collect()
    gc.freeze()
    outlet, inlet = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(outlet)
        _work(lambda *a, **o: flatten(function(*a, **o)), request, inlet)
    os.close(inlet)
    message, in_time = _listen(outlet, request["seconds"])
    if not in_time:
        os.kill(worker, signal.SIGKILL)
    _, status, usage = os.wait4(worker, 0)
    reply = _judge(message, status, in_time)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return reply | {"peak_bytes": usage.ru_maxrss * kilobyte}


def _listen(outlet: int, seconds: float) -> tuple[bytes, bool]:
    """What the fork says until it closes its end, and whether it did so in time."""
    deadline = time.monotonic() + seconds
    message = b""
    while True:
        ready, _, _ = select.select([outlet], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(outlet, 65536) if ready else b""
        message += part
        if not part:
            os.close(outlet)
            return message, bool(ready)


def _judge(message: bytes, status: int, in_time: bool) -> Reply:
    if not in_time:
        return {"fault": "time"}
    if os.WIFSIGNALED(status):
        return {"fault": "crash", "signal": signal.Signals(os.WTERMSIG(status)).name}
    try:
        return json.loads(message)
    except ValueError:
        return {"fault": "crash", "signal": f"exit {os.WEXITSTATUS(status)}"}


def _work(function: Callable[..., Any], request: Request, inlet: int) -> None:
    """Run the parser and say how it went. Never returns: the fork must not go on serving."""
    reply: Reply = {}
    try:
        _limit(request["seconds"], request["bytes"])
        arrays = function(*request["arguments"], **request["options"])
        if any(np.asarray(array).dtype.hasobject for array in arrays.values()):
            raise TypeError("an array of objects")
        np.savez(request["result"], **arrays)
    except InputError as error:
        reply = {"refused": str(error)}
    except MemoryError:
        reply = {"fault": "memory"}
    except BaseException as error:  # SystemExit too: meshio calls sys.exit on bad files
        reply = {"fault": "error", "error": f"{type(error).__name__}: {error}"}
    finally:
        with contextlib.suppress(BaseException):
            os.write(inlet, json.dumps(reply).encode())
        os._exit(0)


def _limit(seconds: float, size: int) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: size,
        resource.RLIMIT_FSIZE: size,
        resource.RLIMIT_CPU: math.ceil(seconds) + 1,
    }
    for limit, value in limits.items():
        # macOS refuses RLIMIT_AS; the limit on time still holds there.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    serve()
