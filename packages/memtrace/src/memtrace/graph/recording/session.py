"""What the metadata of a trace says about its recordings: one run, taken up in sessions.

A handle carries `<run>/<session>`, so that a resumed recording can tell which of its numbers are
still valid. Processes that join a recording belong to its session.
"""

from __future__ import annotations

import json
import platform
import uuid
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lmcommon.errors import UserError

__all__ = ["RESERVED_KEYS", "Session"]

RESERVED_KEYS = frozenset({"schema", "run", "sessions"})
"""Metadata keys that are ours."""


class Session:
    """One recording: the run it belongs to and the first numbers of all sessions so far.

    Args:
        meta: The metadata of the trace.
        first: The first number of a new session; None to join the last one there is.
        redacts: Whether what is recorded goes through a redaction hook.

    Raises:
        UserError: When one who joins would write unredacted what the others redact.
    """

    def __init__(self, meta: dict[str, Any], *, first: int | None, redacts: bool) -> None:
        self.run = str(meta.get("run") or uuid.uuid4().hex)
        self._sessions = list(meta.get("sessions", []))
        if first is not None:
            self._sessions.append({"first": first, "versions": _versions(), "redacts": redacts})
        elif self._sessions[-1].get("redacts") and not redacts:
            raise UserError("the recording redacts what it writes; give the same redact= to join")
        self._firsts = [int(session["first"]) for session in self._sessions]
        self.id = f"{self.run}/{len(self._sessions) - 1}"

    def rows(self) -> dict[str, str]:
        """The metadata as it is stored."""
        return {"run": json.dumps(self.run), "sessions": json.dumps(self._sessions)}

    def check(self, handle: Any) -> None:
        """Raise `ValueError` for a handle of another run, or one lost with a killed session."""
        run, _, session = handle.run.rpartition("/")
        if run != self.run:
            raise ValueError(f"expected a handle of this recording; {handle!r} belongs to another")
        later = self._firsts[int(session) + 1 :]
        if later and handle.number >= later[0]:
            raise ValueError(
                f"{handle!r} was lost when the recording was interrupted; record it anew"
            )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for distribution in ("memtrace-llm", "lmcommon"):
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    return found
