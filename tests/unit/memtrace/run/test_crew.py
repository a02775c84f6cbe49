"""Processes that share out tasks: whatever happens to one costs its task only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lmcommon.errors import UserError
from memtrace.run.crew import Crew, Lost, Ready, Said

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from crew_support import die_at_once, work


def test_every_task_is_done_once() -> None:
    tasks = ["a", "b", "c", "d", "e"]
    events = list(Crew(work, tasks, workers=2).events())
    assert sorted(one.task for one in events if isinstance(one, Ready)) == tasks
    said = [one.message for one in events if isinstance(one, Said) and one.task == "c"]
    assert said == ["begin c", "end c"]


def test_a_death_costs_its_task_and_another_goes_on() -> None:
    events = list(Crew(work, ["a", "die", "b", "c"], workers=1).events())
    lost = [one for one in events if isinstance(one, Lost)]
    assert [(one.task, one.reason) for one in lost] == [("die", "its worker died: exit code 7")]
    assert [one.task for one in events if isinstance(one, Ready)] == ["a", "b", "c"]


def test_a_task_can_be_added_on_the_way() -> None:
    crew = Crew(work, ["die"], workers=1)
    done = []
    for event in crew.events():
        if isinstance(event, Lost):
            crew.add("what was left of it")
        if isinstance(event, Ready):
            done.append(event.task)
    assert done == ["what was left of it"]


def test_a_process_that_says_nothing_for_too_long_is_ended() -> None:
    events = list(Crew(work, ["sleep", "a"], workers=1, limit_s=0.5).events())
    lost = [one.reason for one in events if isinstance(one, Lost)]
    assert lost == ["its worker died: it took more than 0.5 s"]
    assert [one.task for one in events if isinstance(one, Ready)] == ["a"]


def test_what_a_user_can_fix_ends_the_run() -> None:
    with pytest.raises(UserError, match="give another file"):
        list(Crew(work, ["refuse"], workers=1).events())


def test_a_bug_ends_the_run_with_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        list(Crew(work, ["break"], workers=1).events())


def test_a_process_that_dies_before_it_begins_is_no_lost_task() -> None:
    with pytest.raises(RuntimeError, match=r"died before it began \(exit code 3\)"):
        list(Crew(die_at_once, ["a"], workers=1).events())
