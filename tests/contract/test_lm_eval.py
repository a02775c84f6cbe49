"""The evaluation harness as it is installed: a task of our own, from a file, without a hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcommon.errors import UserError
from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import Policy
from rtt.run.harness import FILE, HarnessConfig, run_harness

pytest.importorskip("lm_eval")
pytest.importorskip("datasets")

TASK = """task: local_choice
dataset_path: json
dataset_kwargs:
  data_files:
    test: {file}
test_split: test
output_type: multiple_choice
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
"""
QUESTIONS = [
    {"question": "What colour is a banana?", "choices": ["yellow", "blue"], "answer": 0},
    {"question": "Which is a fruit?", "choices": ["a hammer", "an apple"], "answer": 1},
    {"question": "Where do fish live?", "choices": ["in water", "in fire"], "answer": 0},
]


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Policy:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    make_tiny_lm(tmp_path / "lm")
    lines = "".join(json.dumps(row) + "\n" for row in QUESTIONS)
    (tmp_path / "questions.jsonl").write_text(lines, encoding="utf-8")
    task = TASK.format(file=tmp_path / "questions.jsonl")
    (tmp_path / "task.yaml").write_text(task, encoding="utf-8")
    return PretrainedPolicy(path=str(tmp_path / "lm")).load()


def test_a_local_task_is_answered_and_kept(policy: Policy, tmp_path: Path) -> None:
    config = HarnessConfig(tasks=["local_choice"], include=str(tmp_path), chat_template=False)
    (found,) = run_harness(config, policy, tmp_path)
    assert (found.task, found.metric, found.documents) == ("local_choice", "acc,none", 3)
    assert found.value in (0.0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0)
    assert found.interval is not None
    assert (tmp_path / FILE).is_file()
    assert run_harness(config, policy, tmp_path) == [found], "read, not asked again"


def test_an_unknown_task_is_refused_in_our_words(policy: Policy, tmp_path: Path) -> None:
    config = HarnessConfig(tasks=["no_such_task"], include=str(tmp_path))
    with pytest.raises(UserError, match="the harness cannot run no_such_task"):
        run_harness(config, policy, tmp_path)
