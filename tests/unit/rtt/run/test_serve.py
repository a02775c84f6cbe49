"""rtt-serve and the server below it: they end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

VERB = """
import os, sys
from rtt.run.serve import stay

server = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
sys.exit(0 if stay(server, os.environ) == -15 else 1)
"""


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_terminated_verb_leaves_no_server_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", VERB], stdout=subprocess.PIPE, text=True) as verb:
        assert verb.stdout is not None
        server = int(verb.stdout.readline())
        assert is_there(server)
        verb.send_signal(signal.SIGTERM)
        assert verb.wait(timeout=30) == 0
        deadline = time.monotonic() + 10
        while is_there(server) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_there(server)
