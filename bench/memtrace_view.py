"""How long each address of memtrace-view takes on a large trace.

Task: `memtrace.testing.big_trace` of 100,000 operations (or a trace of yours), served on this
machine; every address is asked once after the page was opened and then nine times more. Metric:
milliseconds until the whole answer is there, the first time and the median of the others, and the
size of the answer. Bar: what the first view needs (the page, `trace`, `questions`) leaves room for
a first paint within 1.5 s. The load of the machine is told: the wall clock says little on one that
has other work.

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

    def get(self, address: str) -> tuple[float, bytes]:
        """Milliseconds and body of one request."""
        started = time.perf_counter()
        self.line.request("GET", address, headers=self.headers)
        response = self.line.getresponse()
        body = response.read()
        took = (time.perf_counter() - started) * 1000
        assert response.status == 200, (address, response.status, body[:300])
        if cookie := response.headers["Set-Cookie"]:
            self.headers = {"Cookie": cookie.partition(";")[0]}
        return took, body

    def row(self, address: str, *, again: int = AGAIN) -> Any:
        """Ask, ask again, print a line."""
        first, body = self.get(address)
        others = [self.get(address)[0] for _ in range(again)]
        median = f"{statistics.median(others):.0f}" if others else "-"
        shown = address.partition("?token=")[0]
        print(f"| `{shown}` | {first:.0f} | {median} | {len(body) / 1024:.0f} |", flush=True)
        return json.loads(body) if address.startswith("/api/") else None


def measure(path: Path) -> None:
    """Serve the trace and ask everything."""
    started = time.perf_counter()
    with memtrace.view(path, replay=True) as view:
        opened = time.perf_counter() - started
        page = Page(view.url)
        print("| address | first, ms | then, ms | KiB |\n| --- | ---: | ---: | ---: |")
        page.row(f"/?{page.start.query}")
        told = page.row("/api/trace")
        page.row("/api/questions")
        page.row("/api/questions?offset=4000")
        wrong = page.row("/api/questions?verdict=wrong")["rows"]
        page.row("/api/questions?q=ba")
        answer = wrong[len(wrong) // 2]
        page.row(f"/api/answers/{answer['answer']}")
        last = page.get(f"/api/questions?offset={told['last_seq']}")  # an empty page
        assert not json.loads(last[1])["rows"]
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
        started = time.perf_counter()
        while json.loads(page.get("/api/search?q=bada")[1])["state"] == "indexing":
            time.sleep(0.1)
        indexed = time.perf_counter() - started
        page.row("/api/search?q=bada")
        page.row("/api/check", again=0)
    print(
        f"\n{told['operations']} operations, {told['variables']} variables; opened in "
        f"{opened * 1000:.0f} ms; search index built in {indexed:.0f} s; Python "
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
