"""A process that has imported torch and transformers, and forks for every command it is given.

The imports take seconds, a small verb less than one: the fork is a process of its own, with its
own arguments, folder, environment and exit code, and has only the reading of libraries behind it.
What a cold start does is seen by the tests that use `start`, launchers or `python -m` themselves.

In: a JSON line for each command on standard input. Out: two lines for each, the process id and
the exit code.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from typing import Any, NoReturn


def warm() -> None:
    import peft  # noqa: F401
    import torch  # noqa: F401
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, Trainer  # noqa: F401

    import rtt.run.schemas  # noqa: F401


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
    warm()
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        pid = os.fork()
        if not pid:
            become(asked)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
