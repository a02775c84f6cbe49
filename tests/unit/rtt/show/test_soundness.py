"""What is wrong with a file of rollouts is named by line; what is only unscored is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtt.records import RolloutRecord, write_rollouts
from rtt.show.soundness import check_rollouts

from .show_support import record


def written(folder: Path, *records: RolloutRecord) -> Path:
    path = folder / "rollouts.jsonl"
    write_rollouts(path, records)
    return path


def broken(**rollout: Any) -> RolloutRecord:
    """A record whose rollout was changed behind its back."""
    one = record()
    for key, value in rollout.items():
        object.__setattr__(one.scored.rollout, key, value)
    return one


def test_a_sound_file_is_clean_and_counted(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        record(advantage=(0.5, -0.5), step=1), record(sample=1, advantage=(0.0, 0.0), step=1),
        record(verdicts=(None, True), step=2),
    )  # fmt: skip
    report = check_rollouts(path)
    assert report.is_clean, report.faults
    figures = report.figures()
    assert figures["groups"] == 2
    assert figures["samples_per_group"] == {1: 1, 2: 1}
    assert figures["without_advantages"] == 1
    assert figures["unscored_criteria"] == 1
    assert "nothing is wrong" in report.lines()[-1]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (record(advantage=(1.0,)), "1 advantages for 2 tokens"),
        (record(advantage=(1.0, float("nan"))), "an advantage that is no number"),
        (record(relevance=((1.0,), (0.0, 1.0))), "criterion 0: 1 relevances for 2 tokens"),
        (record(relevance=((1.0, 0.0),)), "1 rows of relevances for 2 criteria"),
        (record(relevance=((1.0, 0.0), (0.0, 1.5))), "criterion 1: a relevance outside [0, 1]"),
        (record(relevance=((1.0, 0.0), (0.0, float("nan")))), "criterion 1: a relevance outside"),
        (broken(offsets=((0, 5), (5, 11))), "token 1 covers [5, 11) of 10 characters"),
        (broken(logprobs=(-1.0, 0.5)), "a log-probability above 0"),
        (broken(prompt_id="q"), "with a response to 'q'"),
        (broken(tokens=(1,)), "as many tokens as logprobs"),
        (replace(record(), group=0), "came before, in line 1"),
        (record(sample=1, prompt_id="other"), "its group answers 'p', it answers 'other'"),
    ],
)
def test_a_fault_is_named_by_line(tmp_path: Path, fault: RolloutRecord, expected: str) -> None:
    place = fault.group if "line 1" in expected or "group" in expected else 1
    path = written(tmp_path, record(), replace(fault, group=place))
    (found,) = check_rollouts(path).faults
    assert found.startswith("line 2: ")
    assert expected in found


def test_it_goes_on_after_a_line_that_is_no_record(tmp_path: Path) -> None:
    path = written(tmp_path, record())
    with path.open("a", encoding="utf-8") as out:
        out.write('{"step": 1}\nno json\n[]\n')
    write_rollouts(path, [record(group=1)])
    report = check_rollouts(path)
    assert report.counted.responses == 2
    assert [fault.split(":")[0] for fault in report.faults] == ["line 2", "line 3", "line 4"]
    assert "field 'scored' is missing" in report.faults[0]


def test_verdicts_that_do_not_fit_the_rubric_are_a_fault(tmp_path: Path) -> None:
    one = record()
    short = replace(one, scored=replace(one.scored, verdicts=one.scored.verdicts[:1]))
    (found,) = check_rollouts(written(tmp_path, short)).faults
    assert "line 1" in found


def test_a_torn_last_line_is_no_fault(tmp_path: Path) -> None:
    path = written(tmp_path, record(), record(group=1))
    path.write_bytes(path.read_bytes()[:-9])
    report = check_rollouts(path)
    assert report.is_clean
    assert report.is_torn
    assert report.counted.responses == 1


def test_an_empty_file_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    path.touch()
    assert check_rollouts(path).faults == ["expected records; the file is empty"]
