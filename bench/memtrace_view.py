"""How long each address of memtrace-view takes on a large trace.

Task: `memtrace.testing.big_trace` of 100,000 operations (or a trace of yours), served on this
machine; every address is asked once after the page was opened and then nine times more. Metric:
milliseconds until the whole answer is there, the first time and the median of the others, of the
wall clock and of the processor (server, client and background threads together: the wall clock
says little on a machine that has other work), and the size of the answer. Bar: what the first view
needs (the page, `trace`, `questions`) leaves room for a first paint within 1.5 s.

    python bench/memtrace_view.py [trace.db]
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import memtrace
from memtrace.testing import big_trace

OPERATIONS = 100_000
AGAIN = 9


class Page:
    """One connection to the page, as a browser keeps it."""

    def __init__(self, url: str) -> None:
        self.start = urlsplit(url)
        self.line = http.client.HTTPConnection(self.start.netloc, timeout=300)
        self.headers: dict[str, str] = {}

    def get(self, address: str) -> tuple[float, float, bytes]:
        """Milliseconds, those of the processor, and body of one request."""
        started, worked = time.perf_counter(), time.process_time()
        self.line.request("GET", address, headers=self.headers)
        response = self.line.getresponse()
        body = response.read()
        took = (time.perf_counter() - started) * 1000
        cpu = (time.process_time() - worked) * 1000
        assert response.status == 200, (address, response.status, body[:300])
        if cookie := response.headers["Set-Cookie"]:
            self.headers = {"Cookie": cookie.partition(";")[0]}
        return took, cpu, body

    def row(self, address: str, *, again: int = AGAIN) -> Any:
        """Ask, ask again, print a line."""
        first, first_cpu, body = self.get(address)
        others = [self.get(address)[:2] for _ in range(again)]
        medians = [f"{statistics.median(times):.0f}" for times in zip(*others, strict=True)]
        wall, cpu = medians or ["-", "-"]
        shown = address.partition("?token=")[0]
        print(
            f"| `{shown}` | {first:.0f} ({first_cpu:.0f}) | {wall} ({cpu}) | "
            f"{len(body) / 1024:.0f} |", flush=True,
        )  # fmt: skip
        return json.loads(body) if address.startswith("/api/") else None


def measure(path: Path) -> None:
    """Serve the trace and ask everything."""
    started, worked = time.perf_counter(), time.process_time()
    with memtrace.view(path, replay=True) as view:
        opened = time.perf_counter() - started, time.process_time() - worked
        page = Page(view.url)
        print("| address | first, ms (processor) | then | KiB |\n| --- | ---: | ---: | ---: |")
        page.row(f"/?{page.start.query}")
        told = page.row("/api/trace")
        page.row("/api/questions")
        page.row("/api/questions?offset=4000")
        wrong = page.row("/api/questions?verdict=wrong&offset=800")["rows"]
        page.row("/api/questions?q=ba")
        answer = wrong[len(wrong) // 2]
        page.row(f"/api/answers/{answer['answer']}")
        page.row(f"/api/operations/{answer['operation']}")
        page.row(f"/api/variables/{answer['answer']}")
        page.row("/api/operations?after=0")
        page.row(f"/api/operations?after={told['last_seq'] // 2}&kind=judge")
        page.row("/api/kinds")
        page.row("/api/memory")
        page.row(f"/api/memory?seq={told['last_seq'] // 2}")
        held = page.row("/api/memory?q=ba")["rows"]
        page.row(f"/api/memory/items/{quote(held[0]['item'], safe='')}")
        page.row("/api/prompts")
        started, worked = time.perf_counter(), time.process_time()
        while json.loads(page.get("/api/search?q=bada")[2])["state"] == "indexing":
            time.sleep(0.1)
        indexed = time.perf_counter() - started, time.process_time() - worked
        page.row("/api/search?q=bada")
        page.row("/api/check", again=0)
    print(
        f"\n{told['operations']} operations, {told['variables']} variables; opened in "
        f"{opened[0] * 1000:.0f} ms (processor {opened[1] * 1000:.0f}, mostly imports); search "
        f"index built in {indexed[0]:.0f} s (processor {indexed[1]:.0f}); Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Measure the trace that was named, or a made-up one."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.db"
        big_trace(path, OPERATIONS)
        measure(path)


if __name__ == "__main__":
    main()
