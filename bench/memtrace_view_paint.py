"""How soon the page of memtrace-view is there, for a trace of any size; a real browser measures.

Run: `python bench/memtrace_view_paint.py [operations=100000] [rounds=7]`. Each round starts the
verb anew (cold: a process of its own, a fresh browser profile), then opens the page once more in
another fresh profile (warm: the server has answered before). Told are the median and the worst of:

- paint: the browser's own first-contentful-paint, from the start of the navigation;
- rows: until the first row of the list of questions stands in the page;
- serve: from starting the command to its address (Python's imports and opening the trace).

Needs Playwright and a Chromium. The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from memtrace.testing.big import big_trace

NAMES = ("chromium", "chromium-headless-shell", "google-chrome", "chrome")
_MARKS = """() => new Promise((done) => {
    const told = () => {
        const [paint] = performance.getEntriesByName("first-contentful-paint");
        const row = document.querySelector("a.question");
        if (!paint || !row) return requestAnimationFrame(told);
        done({ paint: paint.startTime, rows: performance.now() });
    };
    told();
})"""


def main(operations: int = 100_000, rounds: int = 7) -> None:
    """Record a trace, open it again and again, tell the times."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.db"
        big_trace(trace, operations)
        print(f"{operations} operations, {trace.stat().st_size / 2**20:.0f} MiB", flush=True)
        found: dict[str, list[float]] = {}
        for number in range(rounds):
            for key, value in one_round(trace, Path(folder)).items():
                found.setdefault(key, []).append(value)
            line = ", ".join(f"{key} {values[-1]:.0f} ms" for key, values in found.items())
            print(f"round {number + 1}: {line}", flush=True)
    figures = {
        key: {"median_ms": round(statistics.median(values)), "worst_ms": round(max(values))}
        for key, values in found.items()
    }
    print(json.dumps({
        "operations": operations, "rounds": rounds, "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1), "machine": platform.machine(), **figures,
    }))  # fmt: skip


def one_round(trace: Path, folder: Path) -> dict[str, float]:
    """The times of one cold start and one more look."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "memtrace.run.view", str(trace)], cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        url = process.stdout.readline().rpartition(" ")[2].strip()
        serve = 1000 * (time.perf_counter() - started)
        cold, warm = looked_at(url), looked_at(url)
    finally:
        process.terminate()
        process.wait(timeout=60)
    return {
        "cold_paint": cold["paint"], "cold_rows": cold["rows"],
        "warm_paint": warm["paint"], "warm_rows": warm["rows"], "serve": serve,
    }  # fmt: skip


def looked_at(url: str) -> dict[str, Any]:
    """When a browser with a profile of its own painted the page, and showed its first row."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as running:
        context = running.chromium.launch_persistent_context(
            profile, executable_path=path, viewport={"width": 1280, "height": 800},
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )  # fmt: skip
        page = context.new_page()
        page.goto(url, wait_until="commit")
        marks: dict[str, Any] = page.evaluate(_MARKS)
        context.close()
    return marks


if __name__ == "__main__":
    main(**{key: int(value) for key, _, value in (one.partition("=") for one in sys.argv[1:])})
