"""Importing a package loads nothing heavy and takes a moment only."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "torch", "transformers", "vllm", "datasets", "hydra", "networkx", "numpy", "openai",
    "sentence_transformers", "matplotlib", "bm25s", "xllamacpp", "rich", "jinja2", "omegaconf",
}  # fmt: skip
PROBE = """
import json, sys, time
start = time.perf_counter()
import {package}
elapsed_ms = 1000 * (time.perf_counter() - start)
print(json.dumps([elapsed_ms, sorted(sys.modules)]))
"""


def probe(package: str) -> tuple[float, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(package=package)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    elapsed_ms, modules = json.loads(done.stdout)
    return elapsed_ms, {name.split(".")[0] for name in modules}


@pytest.mark.parametrize("package", ["lmcommon", "memtrace", "rtt"])
def test_import_is_light(package: str) -> None:
    probes = [probe(package) for _ in range(5)]
    assert not probes[0][1] & HEAVY
    # The best of five: what the import costs, not what else the machine was doing.
    assert min(elapsed_ms for elapsed_ms, _ in probes) <= 200


@pytest.mark.parametrize("package", ["lmcommon", "memtrace", "rtt"])
def test_every_public_name_resolves(package: str) -> None:
    code = f"import {package} as p; [getattr(p, name) for name in p.__all__]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
