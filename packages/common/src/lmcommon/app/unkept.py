"""A run that leaves nothing behind, for verbs that only look at something and say what they saw."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmcommon.runlog import Run, finite

__all__ = ["Unkept", "json_line"]


class Unkept(Run):
    """A run with a console and progress bars, and no folder: writing a record is an error.

    Args:
        seed: The root seed of the run (see `lmcommon.rng`).
        overrides: The words of the command line that chose its configuration.
    """

    is_kept = False

    def __init__(self, *, seed: int = 0, overrides: Sequence[str] = ()) -> None:
        self.folder = Path(os.devnull)  # writing below it fails, loudly
        self.seed = seed
        self.overrides = tuple(overrides)
        self.is_resumed = False
        self._manifest = {}
        self._console = None


def json_line(figures: Mapping[str, Any]) -> str:
    """Figures as one line of JSON that any terminal and any UTF-8 file can take."""
    line = json.dumps(finite(dict(figures)), ensure_ascii=False, allow_nan=False)
    if any("\ud800" <= character <= "\udfff" for character in line):
        line = json.dumps(finite(dict(figures)))  # half a surrogate pair cannot be UTF-8
    return line
