"""Soft criteria judged at once and kept, beside one by one.

Task, fixed beforehand: `--responses` responses (a fifth of them repeats, as samples of one prompt
often are) with `--criteria` soft criteria each, judged by a stub server that takes `--latency-ms`
for every reply. Three ways, in one run: one call after the other without a cache; `--concurrency`
calls at once with a fresh cache; the same again with the cache filled. Prints seconds, calls that
reached the server, and the ratios. Nothing leaves this machine.

    python bench/judge_concurrency.py --responses 64 --criteria 4 --latency-ms 50 --concurrency 32
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.llm.config import CacheConfig, OpenAIConfig
from lmcommon.testing.stub_server import StubServer
from rtt.verdicts import HybridVerdicts

Items = list[tuple[RubricPrompt, str]]


def make_items(responses: int, criteria: int) -> Items:
    """Groups of five responses to a prompt, of which two are the same."""
    rubric = Rubric(
        tuple(Criterion(id=f"c{k}", text=f"Quality number {k} is there.") for k in range(criteria))
    )
    items = []
    for number in range(responses):
        if number % 5 == 0:
            prompt = RubricPrompt(id=f"p{number}", prompt=f"Task {number}.", rubric=rubric)
        items.append((prompt, f"Response {number - (number % 5 == 4)}."))
    return items


def one_by_one(server: StubServer, items: Items) -> float:
    """Seconds of a call after the other: every response and criterion by itself."""
    model = _settings(server, 1).build()
    source = HybridVerdicts().build(model)
    begin = time.perf_counter()
    for prompt, response in items:
        for criterion in prompt.rubric.criteria:
            alone = RubricPrompt(id=prompt.id, prompt=prompt.prompt, rubric=Rubric((criterion,)))
            ((verdict,),) = source.verdicts([(alone, response)])
            assert verdict.is_scored, verdict
    took = time.perf_counter() - begin
    model.close()
    return took


def at_once(server: StubServer, items: Items, concurrency: int, cache: Path) -> float:
    """Seconds of the whole batch, with a cache on disk."""
    settings = _settings(server, concurrency)
    settings.cache = CacheConfig(path=str(cache))
    model = settings.build()
    source = HybridVerdicts().build(model)
    begin = time.perf_counter()
    told = source.verdicts(items)
    took = time.perf_counter() - begin
    assert all(verdict.is_scored for verdicts in told for verdict in verdicts)
    model.close()
    return took


def _settings(server: StubServer, concurrency: int) -> OpenAIConfig:
    return OpenAIConfig(
        model="stub", base_url=server.base_url, api_key_env=None, concurrency=concurrency
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--responses", type=int, default=64)
    parser.add_argument("--criteria", type=int, default=4)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--concurrency", type=int, default=32)
    given = parser.parse_args()
    items = make_items(given.responses, given.criteria)
    reply = json.dumps({"reason": "It is.", "satisfied": True})
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        StubServer(lambda _: reply, latency_s=given.latency_ms / 1000) as server,
    ):
        cache = Path(folder) / "judge.sqlite"
        for name, work in (
            ("one by one", lambda: one_by_one(server, items)),
            ("at once", lambda: at_once(server, items, given.concurrency, cache)),
            ("at once, kept", lambda: at_once(server, items, given.concurrency, cache)),
        ):
            before = len(server.received)
            rows.append((name, work(), len(server.received) - before))
    slowest = rows[0][1]
    print("| way | seconds | calls | times faster |\n|---|---:|---:|---:|")
    for name, seconds, calls in rows:
        print(f"| {name} | {seconds:.2f} | {calls} | {slowest / seconds:.1f} |")
    print(json.dumps({name: {"seconds": s, "calls": c} for name, s, c in rows}))


if __name__ == "__main__":
    main()
