"""One process of the sandbox, seen from our side: ask it, and start it anew when it breaks."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.verify.sandbox.types import SandboxLimits

__all__ = ["SandboxWorker"]

_CHILD = Path(__file__).with_name("child.py")
_START_S = 20.0
_GRACE_S = 5.0
"""What the process itself needs on top of a rule's time before it counts as broken."""


class SandboxWorker:
    """A process that runs rules one after the other, each in a fork of its own.

    Args:
        limits: Of each rule.
    """

    def __init__(self, limits: SandboxLimits) -> None:
        self.limits = limits
        self.has_filter = False
        """Whether rules run behind the filter of system calls."""
        self.starts = 0
        self._folder = tempfile.TemporaryDirectory(prefix="rules-")
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def ask(self, source: str, instruction: str, response: str) -> Mapping[str, Any]:
        """Run a rule: `{"result": bool}` or `{"failure": reason}`.

        Raises:
            UserError: The process does not start.
        """
        if self._process is None or self._process.poll() is not None:
            self._start()
        job = {"source": source, "instruction": instruction, "response": response}
        try:
            self._send(json.dumps(job).encode() + b"\n")
            answer = self._receive(self.limits.time_s + _GRACE_S)
        except OSError:
            answer = None
        if answer is None:
            self.stop()
            return {"failure": "the process of the rules broke and was replaced"}
        return answer

    @property
    def process_id(self) -> int | None:
        """Of the process that runs now."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process now rather than with the first rule."""
        if self._process is None:
            self._start()

    def _start(self) -> None:
        self.stop()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", str(_CHILD), json.dumps(asdict(self.limits))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8"}, cwd=self._folder.name, start_new_session=True,
            )  # fmt: skip
            hello = self._receive(_START_S)
        except OSError as error:
            raise UserError(f"sandboxed rules: the process does not start: {error}") from error
        if hello is None:
            self.stop()
            raise UserError(
                "sandboxed rules: expected a process that answers, got none; they need a system "
                "with fork and resource limits (Linux, macOS) and a Python that runs with -I"
            )
        self.has_filter = bool(hello.get("filter"))
        self.starts += 1

    def _send(self, data: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _receive(self, timeout_s: float) -> Mapping[str, Any] | None:
        """The next line; None: the process ended, took too long, or said something else."""
        assert self._process is not None
        assert self._process.stdout is not None
        stream, deadline = self._process.stdout.fileno(), time.monotonic() + timeout_s
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                return None
            piece = os.read(stream, 65536)
            if not piece:
                return None
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        with suppress(ValueError):
            answer = json.loads(line)
            if isinstance(answer, dict):
                return answer
        return None

    def stop(self) -> None:
        """Kill the process and what it started; the next rule starts another."""
        process, self._process, self._rest = self._process, None, b""
        if process is None:
            return
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        process.wait()

    def close(self) -> None:
        """Stop, and remove the working folder."""
        self.stop()
        self._folder.cleanup()
