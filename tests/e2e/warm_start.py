"""A process that has imported what verbs import, and forks for every command it is given.

The imports take longer than a small verb, with torch and transformers much longer: the fork is a
process of its own, with its own arguments, folder, environment and exit code, and has only the
reading of libraries behind it. What a cold start does is seen by the tests that use `start`,
launchers or `python -m` themselves.

In: a JSON line for each command on standard input. Out: two lines for each, the process id and
the exit code. Argument: `rtt`, or nothing for the verbs that need no torch.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from importlib import import_module
from typing import Any, NoReturn

LIGHT = ["hydra.main", "hydra._internal.hydra", "lmcommon.app", "lmcommon.data.config",
         "lmcommon.embed.config", "memtrace.run.pipeline", "memtrace.run.pool", "rich.progress",
         "rich.table"]  # fmt: skip
HEAVY = ["hydra.main", "peft", "torch", "rtt.run.schemas"]


def warm(package: str) -> None:
    """No verb itself: one that is known before it is started is warned of."""
    for name in HEAVY if package == "rtt" else LIGHT:
        import_module(name)
    if package == "rtt":
        from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, Trainer  # noqa: F401


def become(asked: dict[str, Any]) -> NoReturn:
    """Run the module as the command would."""
    for path, number in ((os.devnull, 0), (asked["out"], 1), (asked["err"], 2)):
        handle = os.open(path, os.O_RDWR | os.O_APPEND)
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[0] = asked["cwd"]
    sys.argv = [asked["module"], *asked["words"]]
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    sys.exit(0)


def main() -> None:
    warm(*sys.argv[1:] or [""])
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        pid = os.fork()
        if not pid:
            become(asked)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
