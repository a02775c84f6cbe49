"""Who attributes a failure for the page: this process, or one of its own.

In: a question about an answer. Out: `Attribution.to_dict()` as JSON. A large trace takes seconds of
computing, in which this process would answer nobody; so there a second process does it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from lmcommon.runlog import finite
from memtrace.attribution.attributing import examine
from memtrace.attribution.case import Question
from memtrace.attribution.reader import TraceReader
from memtrace.graph.reading.trace import Trace

__all__ = ["Examiner", "Here", "Outside", "examiner", "serve"]

_SMALL = 3_000
"""Operations up to which a failure takes milliseconds."""


class Examiner(Protocol):
    """Attributes failures of one trace, one at a time."""

    def examine(self, question: Question) -> Mapping[str, Any]:
        """The attribution as JSON.

        Raises:
            ValueError, KeyError, UserError, OSError: It cannot be made; says why.
        """
        ...

    def stop(self) -> None:
        """Give up what is being examined, if that can be; called from another thread."""
        ...

    def close(self) -> None:
        """Let go of the trace."""
        ...


def examiner(path: Path, operations: int) -> Examiner:
    """The one that suits a trace of so many operations."""
    return Here(path) if operations <= _SMALL else Outside(path)


class Here:
    """In this process.

    Args:
        path: The trace.
    """

    def __init__(self, path: Path) -> None:
        self._trace = Trace(path)
        self._reader = TraceReader(self._trace)

    def examine(self, question: Question) -> Mapping[str, Any]:
        """The attribution as JSON."""
        body = json.dumps(finite(examine(self._reader, question).to_dict()))
        found: dict[str, Any] = json.loads(body)
        return found

    def stop(self) -> None:
        """Nothing: it takes milliseconds."""

    def close(self) -> None:
        """Release the trace."""
        self._trace.close()


class Outside:
    """In a process of its own, which starts with the first question.

    Args:
        path: The trace.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[str] | None = None
        self._stopped = threading.Event()

    def examine(self, question: Question) -> Mapping[str, Any]:
        """The attribution as JSON; a process that died is started anew for the next question."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asdict(question)) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.close()
            raise OSError("the process that attributes ended before it replied")
        reply = json.loads(line)
        if "error" in reply:
            raise ValueError(reply["error"])
        found: dict[str, Any] = reply["attribution"]
        return found

    def stop(self) -> None:
        """End the process, also in the middle of a question."""
        self._stopped.set()
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process; not while another thread waits for its reply."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _started(self) -> subprocess.Popen[str]:
        if self._stopped.is_set():
            raise OSError("the page is closing")
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from memtrace.viewing.examining import serve; serve()",
                 str(self._path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, encoding="utf-8",
            )  # fmt: skip
            if self._stopped.is_set():  # meanwhile
                self._process.kill()
        return self._process


def serve() -> None:
    """What the second process does: a question a line, an attribution a line."""
    here = Here(Path(sys.argv[1]))
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["evidence"] is not None:
            asked["evidence"] = tuple(asked["evidence"])
        reply: dict[str, Any]
        try:
            reply = {"attribution": here.examine(Question(**asked))}
        except Exception as error:  # the border to the other process: it goes there as text
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
