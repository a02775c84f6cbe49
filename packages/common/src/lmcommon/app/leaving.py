"""How one of several processes ends: everything written, nothing torn down.

In: the exit code. Out: nothing, the process is gone. Torch's collectives keep threads of their own
that let go of Python objects when they please; one that does so while the interpreter is taken
down aborts the process ("terminate called without an active exception"), after all was done and
written, and the launcher reports a failed run. So the interpreter is not taken down.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn

__all__ = ["leave"]


def leave(code: int) -> NoReturn:
    """End this process: threads that are not daemons are waited for, exit handlers run."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
