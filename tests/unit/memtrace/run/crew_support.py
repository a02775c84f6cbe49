"""What the processes of the crew's tests do. A module of its own, so that they can import it."""

from __future__ import annotations

import os
import time

from lmcommon.errors import UserError
from memtrace.run.crew import Line


def work(line: Line) -> None:
    """Each task says what is to happen."""
    for task in line.tasks():
        line.say(f"begin {task}")
        if task == "die":
            os._exit(7)
        if task == "sleep":
            time.sleep(60)
        if task == "refuse":
            raise UserError("give another file")
        if task == "break":
            raise ZeroDivisionError("a bug")
        line.say(f"end {task}")


def die_at_once(line: Line) -> None:
    os._exit(3)
