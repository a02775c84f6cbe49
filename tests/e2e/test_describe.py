"""`lmcommon-describe` in a subprocess, on generated data, small files and public sets."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .verb_support import run_module

pytestmark = pytest.mark.e2e


def describe(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_module("lmcommon.run.describe", *arguments, cwd=folder)


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def test_generated_conversations_are_counted(tmp_path: Path) -> None:
    found = figures(describe(tmp_path, "data=generated", "data.number=2", "data.size=tiny"))
    assert found["conversations"] == 2
    assert found["questions"] >= 2


def test_a_malformed_row_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        '{"key": 1, "prompt": "a", "instruction_id_list": [], "kwargs": []}\n'
        '{"key": 2, "prompt": 7, "instruction_id_list": [], "kwargs": []}\n',
        encoding="utf-8",
    )
    done = describe(tmp_path, "data=ifeval", "data.path=rows.jsonl")
    assert done.returncode == 2
    assert "rows.jsonl, row 1, field 'prompt'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("data", "path", "key"),
    [
        ("ifeval", "ifeval/input_data.dev.jsonl", "kinds"),
        ("ifbench", "ifbench/IFBench_test.dev.jsonl", "kinds"),
        ("muldimif", "muldimif/test.dev.json.gz", "kinds"),
        ("infobench", "infobench/gpt4_outputs_and_verdicts.jsonl.gz", "kinds"),
        ("advancedif", "advancedif/sample_data.jsonl", "kinds"),
        ("followbench", "followbench", "kinds"),
        ("healthbench", "healthbench/healthbench_500.jsonl.gz", "kinds"),
        ("writingbench", "writingbench/benchmark_en100.jsonl.gz", "kinds"),
        ("locomo", "locomo/locomo.dev.json", "categories"),
        ("realmem", "realmem", "categories"),
        ("longmemeval", "longmemeval/official_schema_sample.json", "categories"),
    ],
)
def test_public_sets_load_whole(
    tmp_path: Path, shared_data: Path, data: str, path: str, key: str
) -> None:
    found = figures(describe(tmp_path, f"data={data}", f"data.path={shared_data / path}"))
    assert len(found[key]) > 1, found
