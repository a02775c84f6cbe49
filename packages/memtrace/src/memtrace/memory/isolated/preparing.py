"""Making, finding and removing environments of memory systems.

An environment lies in the user's cache under its name and a digest of its pins and interpreter. A
file `prepared.json` in it is written last, so a half-made one is never used; a lock beside it lets
one process at a time make it, and the others find it made.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lmcommon.errors import UserError
from lmcommon.llm.bundled import cache_root
from memtrace.memory.isolated.environments import HERE, Environment
from memtrace.memory.isolated.interpreters import Interpreter, find_interpreter

__all__ = ["Prepared", "prepare", "prepared", "remove", "systems_root"]

Say = Callable[[str], None]
"""Is told, in a few words, what is being done."""

_STAMP = "prepared.json"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An environment that can be used. Example: `prepared(ENVIRONMENTS["mem0"])`."""

    name: str
    python: str
    """Its interpreter."""
    folder: Path | None
    """Where it lies; None for the environment that is running."""


def systems_root() -> Path:
    """Where environments lie: below `LMCOMMON_CACHE`, or the user's cache folder."""
    return cache_root() / "systems"


def prepared(
    row: Environment, *, python: str | None = None, extra: Sequence[str] = ()
) -> Prepared | None:
    """The environment, if it has been made; None otherwise.

    Args:
        row: Which one.
        python: Interpreter it must be made with; None: the one that is found, or else any.
        extra: Further requirements it must have been made with.
    """
    if row == HERE:
        return Prepared(row.name, sys.executable, None)
    interpreter = find_interpreter(row.minimum, python)
    if interpreter is not None:
        folder = _folder(row, interpreter, extra)
        if _is_made(folder):
            return Prepared(row.name, str(_python(folder)), folder)
    if python is not None or extra:
        return None
    for stamp in sorted(systems_root().glob(f"{row.name}-*/{_STAMP}")):
        facts = json.loads(stamp.read_text(encoding="utf-8"))
        if facts["requirements"] == list(row.pins) and _is_made(stamp.parent):
            return Prepared(row.name, str(_python(stamp.parent)), stamp.parent)
    return None


def prepare(
    row: Environment, *, python: str | None = None, extra: Sequence[str] = (),
    say: Say = lambda _: None,
) -> Prepared:  # fmt: skip
    """Make the environment, unless it is made.

    Args:
        row: Which one.
        python: Interpreter to make it with; None looks for one.
        extra: Further requirements; the environment with them is another one.
        say: Is told what is going on.

    Raises:
        UserError: No interpreter will do, or a package cannot be installed.
    """
    if row == HERE:
        return Prepared(row.name, sys.executable, None)
    interpreter = find_interpreter(row.minimum, python)
    if interpreter is None:
        needed = ".".join(map(str, row.minimum))
        raise UserError(
            f"environment {row.name!r}: expected a Python of at least {needed} on the path or "
            "among pyenv's versions; found none; install one, or name it with python=PATH"
        )
    folder = _folder(row, interpreter, extra)
    try:
        with _locked(folder):
            if not _is_made(folder):
                _make(row, interpreter, folder, extra, say)
    except OSError as error:
        raise UserError(
            f"environment {row.name!r}: cannot be made in {folder.parent}: {error}; expected a "
            "folder that can be written, with room in it; LMCOMMON_CACHE names another place"
        ) from error
    return Prepared(row.name, str(_python(folder)), folder)


def remove(row: Environment) -> list[Path]:
    """Remove every environment of this name; returns their folders."""
    found = [path for path in systems_root().glob(f"{row.name}-*") if path.is_dir()]
    mine = [path for path in found if _name_of(path) == row.name]
    for folder in mine:
        with _locked(folder):
            (folder / _STAMP).unlink(missing_ok=True)  # nobody starts in it while it goes
            shutil.rmtree(folder, ignore_errors=True)  # the lock stays: somebody may wait for it
    return mine


def _make(
    row: Environment, interpreter: Interpreter, folder: Path, extra: Sequence[str], say: Say
) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # somebody was interrupted
    say(f"{row.name}: an environment with Python {interpreter.label}")
    _run([interpreter.path, "-m", "venv", str(folder)], row)
    pins = folder / "pins.txt"
    pins.write_text("\n".join((*row.pins, *extra)) + "\n", encoding="utf-8")
    say(f"{row.name}: {row.distribution} {row.pinned} and {len(row.pins) - 1} packages it needs")
    pip = [
        str(_python(folder)),
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
    ]
    _run([*pip, "-r", str(pins)], row)
    facts = {
        "name": row.name, "requirements": [*row.pins, *extra], "python": interpreter.label,
        "interpreter": interpreter.path,
    }  # fmt: skip
    draft = folder / f"{_STAMP}.draft"
    draft.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    draft.replace(folder / _STAMP)
    say(f"{row.name}: ready")


def _run(command: list[str], row: Environment) -> None:
    """Run a command, or say what it said last."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        words = " | ".join(done.stdout.strip().splitlines()[-4:])
        raise UserError(
            f"environment {row.name!r}: cannot be made: {' '.join(command[1:4])} left with exit "
            f"code {done.returncode}: {words}; is the package index reachable, the disk full?"
        )


def _folder(row: Environment, interpreter: Interpreter, extra: Sequence[str]) -> Path:
    facts = [*row.pins, *extra, interpreter.label, interpreter.path]
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:10]
    major, minor = interpreter.version[:2]
    return systems_root() / f"{row.name}-py{major}{minor}-{digest}"


def _is_made(folder: Path) -> bool:
    """Whether it was made to the end, and the interpreter it was made with still exists."""
    return (folder / _STAMP).is_file() and _python(folder).exists()


def _name_of(folder: Path) -> str:
    return folder.name.rsplit("-", 2)[0]


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock beside an environment; the system gives it back if we are killed."""
    if sys.platform == "win32":
        raise UserError(
            "expected a POSIX system for memory systems in environments of their own; install "
            "the package here and set memory.isolation=never"
        )
    import fcntl

    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock_of(folder).open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
