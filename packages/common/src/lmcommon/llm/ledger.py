"""What models have cost, written down call by call, so that a resumed run counts on.

In: a file of a run folder. Out: a `Meter` that begins with what the file holds and appends every
call that is settled. The limits hold over all attempts at a run, and over its processes: what was
left at the start is shared out evenly.
"""

from __future__ import annotations

import json
import math
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from lmcommon.errors import UserError
from lmcommon.llm.budget import Budget, Meter
from lmcommon.llm.types import Usage

__all__ = ["KeptMeter", "read_ledger"]

Number = TypeVar("Number", int, float)


class KeptMeter(Meter):
    """A meter whose books outlive the process; several processes may write to one file.

    Args:
        budget: Limits over all attempts and processes.
        path: JSON lines, one a call; made when missing.
        processes: How many share what is left.

    Raises:
        UserError: The file cannot be read.
    """

    def __init__(self, budget: Budget, path: Path, *, processes: int = 1) -> None:
        past = read_ledger(path)
        super().__init__(_share(budget, past, processes))
        self._spent = past
        self._path = path
        self._writing = threading.Lock()
        self._is_begun = False

    def settle(self, estimate: Usage, actual: Usage) -> None:
        """Replace a reservation by what the call really used, and write that down."""
        super().settle(estimate, actual)
        if actual == Usage():
            return
        line = json.dumps(asdict(actual)) + "\n"
        with self._writing, self._path.open("ab", buffering=0) as out:
            # What a full disk or a power cut has torn stays a line of its own; one write, so that
            # lines of several processes do not mix.
            out.write((line if self._is_begun else "\n" + line).encode())
            self._is_begun = True


def read_ledger(path: Path) -> Usage:
    """The sum of all calls in a file; nothing where there is none. Torn lines are left out.

    Raises:
        UserError: A line is no call.
    """
    spent = Usage()
    if not path.exists():
        return spent
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.endswith(b"}"):  # empty, or torn before it was whole
            continue
        try:
            spent += Usage(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{path}, line {number}: expected what a call cost, got {line[:60]!r}; remove the "
                "line (its cost is forgotten), or start a new run"
            ) from error
    return spent


def _share(budget: Budget, past: Usage, processes: int) -> Budget:
    """Limits for one of several processes: the past, and its part of what is left."""

    def part(limit: Number | None, spent: Number) -> Number | None:
        if limit is None or processes == 1:
            return limit
        left = max(limit - spent, type(limit)(0))
        share = left / processes
        return spent + type(limit)(math.floor(share) if isinstance(limit, int) else share)

    return Budget(
        usd=part(budget.usd, past.cost_usd),
        tokens=part(budget.tokens, past.prompt_tokens + past.completion_tokens),
        calls=part(budget.calls, past.calls),
    )
