"""The sandbox's own process: reads jobs, forks one process a rule, writes what came of it.

Started as a script with `python -I`, with an empty environment and nothing of ours in it: standard
library only. Protocol, a line of JSON each: the limits come as the argument; first it says
`{"filter": bool}`; then for every `{"source", "instruction", "response"}` on stdin it answers
`{"result": bool}` or `{"failure": text}`. It ends with stdin.
"""

import collections  # noqa: F401  # what rules use is imported before the fork, and so once
import contextlib
import datetime  # noqa: F401
import importlib.util
import itertools  # noqa: F401
import json
import math  # noqa: F401
import os
import re
import resource
import select
import signal
import string  # noqa: F401
import sys
import time
import unicodedata  # noqa: F401
from pathlib import Path
from types import ModuleType
from typing import Any

FUNCTION = "check_following"


def load_filter() -> ModuleType | None:
    """The module beside this file; None where it has no filter for this machine."""
    path = Path(__file__).with_name("syscalls.py")
    spec = importlib.util.spec_from_file_location("syscalls", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module if module.is_supported() else None


def shut_in(limits: dict[str, Any], syscalls: ModuleType | None, keep: int) -> None:
    """Give up what the rule must not have: open files, room to grow, system calls."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, keep)
    os.closerange(keep + 1, 1024)
    os.setsid()
    memory = int(limits["memory_mb"]) * 2**20
    seconds = int(limits["time_s"]) + 2
    for kind, bound in (
        (resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_NPROC, 0),
    ):  # fmt: skip
        resource.setrlimit(kind, (bound, bound))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if syscalls is not None:
        syscalls.install()


def apply_rule(job: dict[str, str]) -> dict[str, Any]:
    """What the rule says, as the answer of this process."""
    space: dict[str, Any] = {"re": re, "__name__": "rule"}
    try:
        exec(compile(job["source"], "<rule>", "exec"), space)
        if not callable(space.get(FUNCTION)):
            return {"failure": f"the rule defines no function {FUNCTION}"}
        value = space[FUNCTION](job["instruction"], job["response"])
    except MemoryError:
        return {"failure": "the rule used up its memory"}
    except BaseException as error:
        space.clear()
        return {"failure": f"the rule raised {type(error).__name__}: {str(error)[:200]}"}
    if type(value) is not bool:
        return {"failure": f"the rule gave a {type(value).__name__}, expected True or False"}
    return {"result": value}


def run(job: dict[str, str], limits: dict[str, Any], syscalls: ModuleType | None) -> dict[str, Any]:
    """Fork, wait no longer than the limit, and say what happened."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            shut_in(limits, syscalls, writing)
            answer = apply_rule(job)
            os.write(writing, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(writing)
    said_by_rule, failure = read_answer(reading, limits)
    os.close(reading)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if failure is None and not said_by_rule:
        ended = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "an exit"
        failure = f"the rule ended without an answer ({ended})"
    if failure is not None:
        return {"failure": failure}
    try:
        said = json.loads(said_by_rule)
    except ValueError:
        said = None
    if isinstance(said, dict) and (
        type(said.get("result")) is bool or isinstance(said.get("failure"), str)
    ):
        return said
    return {"failure": "the rule spoiled its answer"}


def read_answer(reading: int, limits: dict[str, Any]) -> tuple[bytes, str | None]:
    """All that comes before the end, the limit of time or of size; and which limit it was."""
    deadline = time.monotonic() + limits["time_s"]
    answer = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return b"", f"the rule took longer than {limits['time_s']} s"
        piece = os.read(reading, limits["result_bytes"])
        if not piece:
            return answer, None
        answer += piece
        if len(answer) > limits["result_bytes"]:
            return b"", "the rule gave too long an answer"


def main() -> None:
    """Serve jobs until stdin ends."""
    limits = json.loads(sys.argv[1])
    syscalls = load_filter()
    probe = {"source": f"def {FUNCTION}(i, r): return True", "instruction": "", "response": ""}
    has_filter = syscalls is not None and run(probe, limits, syscalls) == {"result": True}
    say({"filter": has_filter})
    for line in sys.stdin.buffer:
        say(run(json.loads(line), limits, syscalls if has_filter else None))


def say(answer: dict[str, Any]) -> None:
    """One line to the other side."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
