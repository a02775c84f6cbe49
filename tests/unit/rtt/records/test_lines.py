from pathlib import Path

import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import DataError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.records import read_rollouts, records_of, write_rollouts
from rtt.types import Rollout, ScoredGroup, ScoredRollout

PROMPT = RubricPrompt(
    id="p", prompt="Write.", source="test", metadata={"level": 2},
    rubric=Rubric((
        Criterion(id="c0", text="No commas.", constraint_id="punctuation:no_comma", tags=("a",)),
        Criterion(id="c1", text="Be kind.", weight=2.0),
    )),
)  # fmt: skip
SCORED = ScoredRollout(
    rollout=Rollout(
        prompt_id="p", tokens=(4, 5), logprobs=(-0.5, -1.25), text="né,", offsets=((0, 2), (2, 3)),
        finish_reason="stop", policy_version=7,
    ),
    verdicts=(
        Verdict(satisfied=False, spans=((2, 3),), source="program"),
        Verdict.unscored("judge is down"),
    ),
    relevance=((0.0, 1.0), (0.0, 0.0)),
)  # fmt: skip
GROUP = ScoredGroup(prompt=PROMPT, samples=(SCORED, SCORED))


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    first = records_of([GROUP], [[0.5, -0.5, 0.0], [1.0, 0.0, 0.0]], step=3, label="RTT-AON")
    second = records_of([GROUP], step=4)
    write_rollouts(path, first)
    write_rollouts(path, second)
    assert list(read_rollouts(path)) == [*first, *second]
    assert first[1].advantage == (1.0, 0.0)
    assert second[0].advantage == ()


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    records = records_of([GROUP])
    write_rollouts(path, records)
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    assert list(read_rollouts(path)) == records[:1]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    path.write_text('{"step": 1}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"rollouts\.jsonl, row 0"):
        list(read_rollouts(path))
