"""The real EverOS engine behind the memory protocol: what it keeps, what the trace says of it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ModelFailure
from lmcommon.testing.hash_embedder import HashEmbedder
from memtrace.memory import MemorySystem, Query
from memtrace.memory.everos import EverosMemory
from memtrace.memory.everos.package import has_everos, module
from memtrace.memory.everos.prompts import NAMES, defaults, filled_by_everos
from memtrace.memory.everos.settings import RETRIEVALS, EverosSettings
from memtrace.replaying import first_mismatch
from memtrace.testing import RuleModel
from memtrace.testing.rules_everos import everos_rules

pytestmark = pytest.mark.skipif(
    not has_everos(), reason="the package everos is not in this environment (Python 3.12)"
)

CITY = Query("Which city did Ana move to?", id="q1")
DOG = Query("What is the name of Bo's dog?", id="q2")
SAID = {
    "s1": [("Ana", "I moved to Lisbon, the city is lovely."), ("Bo", "My dog is called Pickle.")],
    "s2": [("Ana", "The weather is fine, is it not?"), ("Bo", "It is. My job is baker.")],
    "s3": [("Ana", "I moved to Porto. The city is by the river.")],
}


def sessions() -> list[Session]:
    return [
        Session(
            id=name, time=datetime(2024, 1, day, 9),
            turns=tuple(
                Turn(id=f"{name}:{place}", speaker=speaker, text=text)
                for place, (speaker, text) in enumerate(turns)
            ),
        )
        for day, (name, turns) in enumerate(SAID.items(), 1)
    ]  # fmt: skip


def model() -> ChatModel:
    return RuleModel(everos_rules(), name="everos")


def build(answers: ChatModel | None = None, **settings: Any) -> EverosMemory:
    return EverosMemory(
        answers or model(), HashEmbedder(256), settings=EverosSettings(**settings), scope="c1"
    )


@pytest.fixture
def memory() -> Iterator[EverosMemory]:
    made = build()
    yield made
    made.close()


def held(path: Path) -> dict[str, Any]:
    with memtrace.open(path) as trace:
        state = trace.state_at(trace.last_seq)
        return {item: trace.value(version.id) for item, version in state.items()}


def fill(memory: MemorySystem, rows: Sequence[Session] | None = None) -> None:
    for session in sessions() if rows is None else rows:
        memory.add(session)


@pytest.mark.parametrize("retrieval", RETRIEVALS)
def test_every_retrieval_finds_what_was_said(retrieval: str) -> None:
    memory = build(retrieval=retrieval)
    fill(memory)
    texts = [hit.text for hit in memory.search(DOG)]
    memory.close()
    assert any("Pickle" in text for text in texts), texts


@pytest.mark.parametrize("retrieval", RETRIEVALS)
def test_the_requests_hold_what_is_declared_and_nothing_else(
    retrieval: str, tmp_path: Path
) -> None:
    memory = build(retrieval=retrieval)
    with memtrace.record(tmp_path / "t.db"):
        fill(memory)
        memory.answer([CITY, DOG])
    memory.close()
    with memtrace.open(tmp_path / "t.db") as trace:
        assert [str(warning) for warning in trace.check_edges()] == []


def test_the_store_is_what_the_trace_says_after_every_add_and_search(
    memory: EverosMemory, tmp_path: Path
) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path) as recorder:
        for session in sessions():
            memory.add(session)
            recorder.flush()
            assert held(path) == memory.stored()
        memory.search(CITY)
        recorder.flush()
        assert held(path) == memory.stored() != {}


def test_a_profile_has_a_version_for_every_session_that_changed_it(
    memory: EverosMemory, tmp_path: Path
) -> None:
    with memtrace.record(tmp_path / "t.db"):
        fill(memory)
    with memtrace.open(tmp_path / "t.db") as trace:
        versions = [trace.value(one.id) for one in trace.history("c1/profile_conversation")]
    assert len(versions) == len(SAID), versions
    assert "Lisbon" in versions[0]
    assert "Porto" in versions[-1]


@pytest.mark.parametrize("attempt", range(3))
def test_the_first_session_already_makes_a_profile(attempt: int) -> None:
    memory = build()
    fill(memory, sessions()[:1])
    stored = memory.stored()
    memory.close()
    assert "Lisbon" in stored["c1/profile_conversation"], attempt


def test_a_fact_goes_back_to_episode_memcell_and_messages(
    memory: EverosMemory, tmp_path: Path
) -> None:
    with memtrace.record(tmp_path / "t.db"):
        fill(memory, sessions()[:1])
        hits = memory.search(DOG)
    fact = next(hit for hit in hits if "_af_" in hit.item)
    assert fact.turns == ("s1:0", "s1:1")
    with memtrace.open(tmp_path / "t.db") as trace:
        assert fact.variable is not None
        behind = list(trace.variables(ids=trace.graph.upstream(fact.variable).variables))
        kinds = {one.kind for one in behind}
    assert {"message", "buffered", "memcell", "episode", "fact", "memory_item", "reply"} <= kinds


SCRIPT = """
import importlib.util, sys, memtrace
spec = importlib.util.spec_from_file_location("case", sys.argv[1])
case = importlib.util.module_from_spec(spec)
spec.loader.exec_module(case)
memory = case.build(retrieval=sys.argv[3])
with memtrace.record(sys.argv[2]):
    case.fill(memory)
    memory.answer([case.CITY, case.DOG])
memory.close()
"""


@pytest.mark.parametrize("retrieval", ["hybrid", "agentic"])
def test_two_processes_make_the_same_trace(retrieval: str, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, __file__, tmp_path / f"{seed}.db",
             retrieval],
            check=True, env={**os.environ, "PYTHONHASHSEED": seed}, timeout=120,
        )  # fmt: skip
    with memtrace.open(tmp_path / "1.db") as one, memtrace.open(tmp_path / "2.db") as other:
        assert one.last_seq == other.last_seq
        assert first_mismatch(one, other) is None


def test_two_memories_take_turns_in_one_process() -> None:
    one, other = build(), EverosMemory(model(), HashEmbedder(64), scope="c2")
    for place, session in enumerate(sessions()):
        (one, other)[place % 2].add(session)
    first, second = one.stored(), other.stored()
    one.close()
    other.close()
    assert {name.split("/")[0] for name in first} == {"c1"}
    assert any("Lisbon" in text for text in first.values())
    assert not any("Lisbon" in text for text in second.values())


def test_a_memory_goes_back_to_a_snapshot_and_forth(memory: EverosMemory) -> None:
    rows = sessions()
    fill(memory, rows[:1])
    state, before = memory.snapshot(), memory.stored()
    fill(memory, rows[1:])
    later, after = memory.snapshot(), memory.stored()
    memory.restore(state)
    assert memory.stored() == before != after
    memory.restore(later)
    assert memory.stored() == after


def test_closing_leaves_the_process_as_it_was() -> None:
    before = dict(os.environ), vars(module("everos.component.llm.client"))["_llm_client"]
    memory = build()
    fill(memory, sessions()[:1])
    folder = memory._folder
    assert folder.is_dir()
    memory.close()
    memory.close()
    after = dict(os.environ), vars(module("everos.component.llm.client"))["_llm_client"]
    assert (before, folder.exists()) == (after, False)


def test_an_abandoned_memory_tidies_up() -> None:
    memory = build()
    fill(memory, sessions()[:1])
    folder = memory._folder
    del memory
    gc.collect()
    assert not folder.exists()


def test_a_process_that_forgets_to_close_ends_and_leaves_nothing(tmp_path: Path) -> None:
    script = SCRIPT.replace("memory.close()", "print(memory._folder)")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, __file__, tmp_path / "t.db", "vector"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert not Path(done.stdout.split()[-1]).exists(), done.stdout


def test_a_prompt_of_ours_is_the_package_s_own_when_filled() -> None:
    sources = module("memtrace.memory.everos.prompts")._SOURCES
    for name, prompt in defaults().items():
        own = getattr(module(sources[name].module), sources[name].constant)
        assert filled_by_everos(prompt) == own, name


def test_all_prompts_are_named_and_another_wording_is_sent(tmp_path: Path) -> None:
    prompts = dict(defaults())
    episode = prompts["episode"]
    prompts["episode"] = type(episode)(
        "episode", f'Mind {{"these"}} braces.\n{episode.text}', episode.fields
    )
    memory = EverosMemory(model(), HashEmbedder(64), scope="c1", prompts=prompts)
    assert set(memory.prompts) == {*NAMES, "qa"}
    with memtrace.record(tmp_path / "t.db"):
        fill(memory, sessions()[:1])
    memory.close()
    with memtrace.open(tmp_path / "t.db") as trace:
        (made,) = [one for one in trace.operations() if one.name == "episode"]
        text = str(trace.value(made.outputs["request"][0]))
    assert 'Mind {"these"} braces.' in text


def test_each_message_is_one_add_and_a_session_can_be_one() -> None:
    for settings, calls in (
        ({}, 3), ({"add_by": "session"}, 2),
        ({"add_by": "session", "defer_extraction": True}, 1),
    ):  # fmt: skip
        asked: list[str] = []
        rules = everos_rules()

        def reply(request: Any, asked: list[str] = asked, rules: Any = rules) -> str:
            rule = next(one for one in rules if one.matches(request))
            asked.append(rule.name)
            return str(rule.reply(request))

        memory = build(ScriptedModel(reply), **settings)
        fill(memory, sessions()[:1])
        memory.close()
        assert asked.count("boundary") == calls, (settings, asked)


def test_a_memory_of_each_speaker_is_searched_as_one() -> None:
    memory = build(owner="speaker", retrieval="vector")
    fill(memory)
    owners = {item.split("/")[1].split("_")[0] for item in memory.stored()}
    texts = " ".join(hit.text for hit in memory.search(DOG))
    memory.close()
    assert {"Ana", "Bo"} <= owners
    assert "Pickle" in texts


def test_a_failing_model_is_recorded_and_the_memory_goes_on(tmp_path: Path) -> None:
    rules, is_down = RuleModel(everos_rules(), name="everos"), [True]

    def reply(request: Any) -> str | ModelFailure:
        if is_down[0]:
            return ModelFailure(kind="timeout", message="no reply")
        return rules.generate([request])[0].text

    memory = build(ScriptedModel(reply))
    with memtrace.record(tmp_path / "t.db"):
        memory.add(sessions()[0])
        assert memory.stored() == {}
        is_down[0] = False
        memory.add(sessions()[2])
    assert any("Porto" in text for text in memory.stored().values())
    memory.close()
    with memtrace.open(tmp_path / "t.db") as trace:
        errors = [(one.name, one.error.type) for one in trace.operations() if one.error]
    assert ("boundary", "timeout") in errors, errors


def test_a_search_whose_model_call_fails_is_unscored() -> None:
    rules, is_down = RuleModel(everos_rules(), name="everos"), [False]

    def reply(request: Any) -> str | ModelFailure:
        if is_down[0]:
            return ModelFailure(kind="rate_limit", message="later")
        return rules.generate([request])[0].text

    memory = build(ScriptedModel(reply), retrieval="agentic")
    fill(memory, sessions()[:1])
    is_down[0] = True
    (answer,) = memory.answer([CITY])
    memory.close()
    assert answer.response.failure is not None
    assert (answer.response.failure.kind, answer.text, answer.handle) == ("rate_limit", "", None)


def test_useless_replies_are_asked_for_again_and_then_given_up(tmp_path: Path) -> None:
    memory = build(ScriptedModel(lambda _: "no JSON at all"))
    with memtrace.record(tmp_path / "t.db"):
        memory.add(sessions()[2])
    memory.close()
    with memtrace.open(tmp_path / "t.db") as trace:
        names = [one.name for one in trace.operations() if one.error]
    # Three attempts; EverOS then refuses the message, so its buffer is empty at the flush.
    assert names == ["boundary"] * 3 + ["memorize"], names


def test_an_embedder_wider_than_the_tables_is_refused() -> None:
    build().close()
    with pytest.raises(UserError, match="at most 1024"):
        EverosMemory(model(), HashEmbedder(4096), scope="c1")
