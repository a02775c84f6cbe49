"""Who attributes: this process, or another one that may die."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from memtrace.attribution.case import Question
from memtrace.testing import big_trace
from memtrace.viewing.examining import Here, Outside, examiner


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Question]:
    path = tmp_path_factory.mktemp("examined") / "t.db"
    answer = big_trace(path, 100)
    return path, Question(answer=answer, evidence=("u0:0:1",), gold="x", judged=False)


def test_both_say_the_same(told: tuple[Path, Question]) -> None:
    path, question = told
    with closing(Here(path)) as here, closing(Outside(path)) as outside:
        ours, theirs = here.examine(question), outside.examine(question)
    timeless = [{key: value for key, value in one.items() if key != "cost"}
                for one in (ours, theirs)]  # fmt: skip
    assert timeless[0] == timeless[1]


def test_a_question_that_fails_is_told_and_the_next_one_answered(
    told: tuple[Path, Question],
) -> None:
    path, question = told
    with closing(Outside(path)) as outside:
        with pytest.raises(ValueError, match="KeyError"):
            outside.examine(Question(answer="var-999999"))
        assert outside.examine(question)["answer"] == question.answer


def test_a_process_that_dies_is_started_anew(told: tuple[Path, Question]) -> None:
    path, question = told
    with closing(Outside(path)) as outside:
        outside.examine(question)
        assert outside._process is not None
        outside._process.kill()
        outside._process.wait()
        with pytest.raises(OSError, match="ended before it replied"):
            outside.examine(question)
        assert outside.examine(question)["answer"] == question.answer
        outside.stop()
        outside.close()
        with pytest.raises(OSError, match="closing"):
            outside.examine(question)


def test_large_traces_have_a_process_of_their_own(told: tuple[Path, Question]) -> None:
    for operations, kind in ((100, Here), (100_000, Outside)):
        with closing(examiner(told[0], operations)) as chosen:
            assert isinstance(chosen, kind)
