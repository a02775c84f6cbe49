"""Parts become one run, whenever the process that joins them is killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.errors import UserError
from lmcommon.llm.config import ScriptedConfig
from lmcommon.runlog import Run
from memtrace.memory.config import RagConfig
from memtrace.run.pipeline import latest
from memtrace.run.pool.parts import gather, parts_folder
from memtrace.run.pool.types import Setup, Task
from memtrace.run.pool.workshop import Workshop, workshop

ROWS = [
    generate_conversation(seed, num_sessions=2, num_people=2, num_questions=3) for seed in range(3)
]
KEYS = [("words", row.id, question.id) for row in ROWS for question in row.questions]
SETUP = Setup(llm=ScriptedConfig(), systems={"words": RagConfig(retriever="bm25")}, batch_size=1)


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop(SETUP) as opened:
        yield opened


def record(shop: Workshop, run: Run, numbers: list[int], suffix: str = "") -> None:
    for number in numbers:
        task = Task(number=number, system="words", conversation=ROWS[number], suffix=suffix,
                    answered=frozenset())  # fmt: skip
        for _ in shop.run(task, parts_folder(run) / task.part):
            pass


def check(run: Run) -> None:
    episodes = latest(run)
    assert list(episodes) == KEYS
    with memtrace.open(run.folder / "trace.db") as trace:
        for episode in episodes.values():
            assert trace.value(str(episode.answer)) == episode.prediction
    left = {path.name for path in run.folder.iterdir()}
    assert left == {"trace.db", "episodes.jsonl", "costs.jsonl"}


def test_parts_are_joined_in_the_order_of_the_run(shop: Workshop, tmp_path: Path) -> None:
    run = Run(tmp_path)
    record(shop, run, [2, 0, 1])
    gather(run, KEYS)
    check(run)


def test_parts_of_a_later_attempt_go_behind_what_is_there(shop: Workshop, tmp_path: Path) -> None:
    run = Run(tmp_path)
    record(shop, run, [1])
    gather(run, KEYS)
    before = latest(run)
    record(shop, run, [0, 2], suffix="#2")
    gather(run, KEYS)
    check(run)
    after = latest(run)
    assert {key: after[key] for key in before} == before, "ids stay"


def test_nothing_to_gather_changes_nothing(tmp_path: Path) -> None:
    gather(Run(tmp_path), KEYS)
    assert not list(tmp_path.iterdir())


def test_a_part_that_nothing_was_written_to_is_cleared(shop: Workshop, tmp_path: Path) -> None:
    run = Run(tmp_path)
    blank = parts_folder(run) / "000000"
    blank.mkdir(parents=True)
    (blank / "trace.db").touch()
    gather(run, KEYS)
    assert not parts_folder(run).exists()


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("lives", range(9))
def test_joining_can_be_cut_off_at_any_step(
    lives: int, shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path / "run")
    record(shop, run, [0, 1])
    gather(run, KEYS)
    record(shop, run, [2], suffix="#2")
    left = [lives]

    def mortal(name: str, module: object) -> None:
        real = getattr(module, name)

        def step(*args: object, **options: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return real(*args, **options)

        monkeypatch.setattr(module, name, step)

    mortal("replace", os)
    mortal("rmtree", shutil)
    mortal("rename", Path)
    mortal("rmdir", Path)
    try:
        gather(run, KEYS)
        assert lives >= 7, "all steps were survived"
    except Killed:
        pass
    monkeypatch.undo()
    gather(run, KEYS)
    check(run)


def test_a_part_that_is_being_written_is_waited_for_and_then_refused(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    record(shop, run, [0])
    monkeypatch.setattr("memtrace.run.pool.parts._PATIENCE_S", 0.1)
    with (
        memtrace.record(parts_folder(run) / "000000" / "trace.db", resume=True),
        pytest.raises(UserError, match="still writes here"),
    ):
        gather(run, KEYS)
    assert (parts_folder(run) / "000000" / "trace.db").exists(), "nothing is thrown away"
