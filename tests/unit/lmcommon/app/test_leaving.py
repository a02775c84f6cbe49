"""One of several processes ends with everything written, and without being taken down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import atexit, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from lmcommon.app import leave

class Late:
    def __del__(self):
        print("torn down", flush=True)

late = Late()
out = Path(sys.argv[1])
pool = ThreadPoolExecutor(2)
pool.submit(lambda: (time.sleep(0.3), out.joinpath("pool").write_text("x")))
threading.Thread(target=lambda: (time.sleep(0.3), out.joinpath("thread").write_text("x"))).start()
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
atexit.register(lambda: out.joinpath("handler").write_text("x"))
print("said", end="")
leave(3)
"""


def test_threads_and_handlers_have_their_say_and_the_interpreter_stays_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert done.stdout == "said"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["handler", "pool", "thread"]
