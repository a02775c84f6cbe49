"""Looking for a Python to make an environment with.

In: the oldest version that will do, and perhaps the user's own choice. Out: an interpreter that
was asked for its version and can make environments. Candidates, in order: the user's choice,
`python3.12` and the like on the path, `python3`, the one that is running, pyenv's versions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lmcommon.errors import UserError

__all__ = ["Interpreter", "find_interpreter"]

_NEWEST_MINOR = 14
_ASK = (
    "import sys, json, importlib.util as u\n"
    "print(json.dumps([list(sys.version_info[:3]), getattr(sys, '_base_executable', '')"
    " or sys.executable, bool(u.find_spec('venv') and u.find_spec('ensurepip'))]))"
)
_ANSWERS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python. Example: `Interpreter("/usr/bin/python3.12", (3, 12, 1))`."""

    path: str
    version: tuple[int, ...]

    @property
    def label(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


def find_interpreter(minimum: tuple[int, int], python: str | None = None) -> Interpreter | None:
    """The first Python that will do.

    Args:
        minimum: Oldest version that will do.
        python: A path or a command that must be taken.

    Returns:
        None if there is none.

    Raises:
        UserError: The one asked for cannot be used.
    """
    if python is not None:
        found, problem = _asked(os.path.expanduser(python))
        if found is None or found.version[:2] < minimum:
            got = problem if found is None else f"Python {found.label}"
            raise UserError(
                f"python: expected a Python of at least {_label(minimum)} that has venv "
                f"and ensurepip; {python!r} gives: {got}"
            )
        return found
    for candidate in _candidates(minimum):
        found, _ = _asked(candidate)
        if found is not None and found.version[:2] >= minimum:
            return found
    return None


def _candidates(minimum: tuple[int, int]) -> Iterator[str]:
    names = [f"python3.{minor}" for minor in range(minimum[1], _NEWEST_MINOR + 1)] + ["python3"]
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for name in names:
        for folder in folders:
            if os.access(folder / name, os.X_OK):
                yield str(folder / name)
    yield sys.executable
    root = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    for name in names:
        yield from sorted(map(str, root.glob(f"*/bin/{name}")))


@cache
def _asked(path: str) -> tuple[Interpreter | None, str]:
    """The interpreter behind a path, or what is wrong with it."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", _ASK], capture_output=True, text=True, check=False,
            timeout=_ANSWERS_WITHIN_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        version, base, is_able = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError) as error:
        return None, str(error)
    except ValueError:
        return None, f"exit code {done.returncode}: {' '.join(done.stderr.split())[:200]}"
    if not is_able:
        return None, f"Python {_label(version)} without venv or ensurepip"
    return Interpreter(os.path.realpath(base), tuple(version)), ""


def _label(version: tuple[int, ...] | list[int]) -> str:
    return ".".join(map(str, version))
