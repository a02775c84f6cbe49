"""The simulated model answers each pipeline's prompts in the form that the pipeline reads."""

from __future__ import annotations

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lmcommon.data.generated import generate_conversation
from lmcommon.data.types import Conversation
from lmcommon.embed.config import HashEmbedConfig
from lmcommon.judge import AnswerItem, LlmAnswerJudge, NormalizedAnswerJudge
from lmcommon.llm import Sampling, chat
from lmcommon.llm.types import ChatRequest
from memtrace.evaluate import evaluate
from memtrace.faultbench.simulated import simulated_model
from memtrace.memory.config import MEMORY_SCHEMAS

MEM0 = "Input:\nuser: [3 May 2024] Ana: By the way, listen to this. {text}\n"
UPDATE = """Below is the current content of my memory which I have collected till now.

    ```
    {memories!r}
    ```

    The new retrieved facts are mentioned in the triple backticks. You have to analyze.

    ```
    {facts!r}
    ```
"""
ADDITIVE = """
## Existing Memories
[]

## New Messages
user: [3 May 2024] Ana: Hey Ben!
user: [3 May 2024] Ben: So, an update from me. I moved to Oslo.

## Observation Date
2024-05-03
"""
OSLO = "I moved to Oslo on 1 May 2024 and there are still boxes everywhere."
AGAIN = "Ana: I moved again on 9 May 2024, so my home is in Cork now."
EPISODE = """Give "title" and "content".
Conversation content:
    {{
        "timestamp": 2024-05-03 14:22 UTC (Friday),
        "speaker": Ana,
        "content": Guess what? {text}
    }}

    {{
        "timestamp": 2024-05-03 14:22 UTC (Friday),
        "speaker": Ben,
        "content": Good to know!
    }}
"""
DOCUMENTS = """Reply with "is_sufficient".
User Query:
{question}

Retrieved Documents:
Document 1:
  Title: a day
  Date: 2024-05-03T14:22:07Z
  Content: Ana said: {text}
"""
PROFILE = """Give "explicit_info" and "implicit_traits".
**TARGET USER: u1**
【Original Conversation】
[2024-05-03 14:22:00] Ana(user_id:u1): Guess what? {text}
[2024-05-03 14:22:01] Ben(user_id:u2): I moved to Quito on 2 May 2024 and there are still boxes.
"""


def reply(prompt: str, **settings: Any) -> str:
    (response,) = simulated_model().generate([chat(prompt, **settings)])
    assert response.ok, response.failure
    return response.text


def loaded(prompt: str) -> Any:
    return json.loads(reply(prompt, sampling=Sampling(max_tokens=2000)))


def test_mem0_takes_down_what_is_stated_with_its_speaker() -> None:
    assert loaded(MEM0.format(text=OSLO)) == {"facts": [f"Ana: {OSLO}"]}
    assert loaded(MEM0.format(text="The soup at the canteen was rather salty.")) == {"facts": []}


def test_mem0_decides_on_events() -> None:
    memories = [{"id": "4", "text": f"Ana: {OSLO}"}]
    assert loaded(UPDATE.format(memories=memories, facts=[AGAIN])) == {
        "memory": [{
            "id": "4", "text": f"Ana: {OSLO} {AGAIN}", "event": "UPDATE",
            "old_memory": f"Ana: {OSLO}",
        }]
    }  # fmt: skip


def test_mem0_of_the_newer_line_adds_what_is_stated() -> None:
    (row,) = loaded(ADDITIVE)["memory"]
    assert row["text"] == "Ben: I moved to Oslo."


def test_everos_tells_what_was_stated() -> None:
    assert loaded(EPISODE.format(text=OSLO))["content"] == f"Ana said: {OSLO}"
    idle = loaded(EPISODE.format(text="My inbox is really full."))
    assert idle["content"] == "They made small talk."


def test_everos_makes_facts_of_an_episode() -> None:
    prompt = f'Give "atomic_fact".\n- EPISODE_TEXT: "Ana said: {OSLO}"\n- TIME: "May 3, 2024"  (t)'
    assert loaded(prompt) == {
        "atomic_facts": {"time": "May 3, 2024", "atomic_fact": [f"Ana said: {OSLO}"]}
    }


def test_everos_keeps_a_profile_of_the_target_alone() -> None:
    (row,) = loaded(PROFILE.format(text=OSLO))["explicit_info"]
    assert (row["category"], row["description"]) == ("home", f"[3 May 2024] Ana: {OSLO}")


def test_everos_finds_documents_enough_if_they_answer() -> None:
    known = DOCUMENTS.format(question="In which city does Ana live now?", text=OSLO)
    other = DOCUMENTS.format(question="Which language is Ana learning now?", text=OSLO)
    assert loaded(known)["is_sufficient"] is True
    assert loaded(other)["is_sufficient"] is False


def test_langmem_records_with_the_day() -> None:
    prompt = (
        f"<session_1>\n[3 May 2024] Ana: Big news. {OSLO}\n[3 May 2024] Ben: Wow.\n</session_1>"
    )
    assert loaded(prompt) == {
        "calls": [{"name": "Memory", "args": {"content": f"[3 May 2024] Ana: {OSLO}"}}]
    }


def test_passages_are_ordered_by_what_they_state() -> None:
    passages = f"[1]\n[3 May 2024]\nAna: Where do you live now?\n[2]\n[3 May 2024]\nAna: {OSLO}"
    prompt = f"Passages:\n{passages}\n\nQuestion: In which city does Ana live now?"
    assert reply(prompt) == "2, 1"


def test_a_summary_keeps_facts_with_their_days() -> None:
    prompt = f"Earlier notes:\n(none)\n\nOlder messages:\n[3 May 2024]\nBen: Hi!\nAna: {OSLO}"
    assert reply(prompt) == f"[3 May 2024] Ana: {OSLO}"


@pytest.mark.parametrize("form", ["json", "tag"])
@pytest.mark.parametrize(
    ("gold", "prediction", "is_right"),
    [
        ("3 May 2024", "It was on May 3, 2024.", True),
        ("Oslo", "Cork", False),
        ("no", "Oslo", False),
        (None, "I do not know.", True),
        (None, "Oslo", False),
    ],
)
def test_the_judge_compares_answers(
    form: Any, gold: str | None, prediction: str, is_right: bool
) -> None:
    judge = LlmAnswerJudge(simulated_model(), form=form)
    item = AnswerItem(question="Where?", gold=gold, prediction=prediction)
    assert judge.judge([item])[0].satisfied is is_right


def test_a_prompt_that_it_does_not_know_is_a_failed_call() -> None:
    (response,) = simulated_model().generate([chat("Write a poem.")])
    assert response.failure is not None
    assert "no rule knows" in response.failure.message


def test_its_name_tells_its_version() -> None:
    assert simulated_model().identity["name"] == "simulated-1"


def small() -> Conversation:
    return generate_conversation(
        11, num_sessions=4, turns_per_session=8, num_people=2, num_questions=8
    )


def asked_by(system: str, **settings: Any) -> tuple[list[str], list[ChatRequest]]:
    """What went wrong in a clean run, and all requests."""
    model = simulated_model()
    memory = MEMORY_SCHEMAS[system](**settings).build(model)("m")
    episodes = list(evaluate(memory, small(), NormalizedAnswerJudge()))
    memory.close()
    assert episodes
    wrong = [f"{e.text}: {e.prediction!r}" for e in episodes if not e.verdict.satisfied]
    return wrong, model.requests


def test_a_clean_pipeline_answers_right() -> None:
    wrong, _ = asked_by("long_context", budget_tokens=100_000)
    assert wrong == []


def test_a_clean_pipeline_that_summarises_answers_right() -> None:
    wrong, requests = asked_by(
        "long_context", budget_tokens=360, trim="summarise", summary_tokens=180
    )
    assert wrong == []
    assert any(r.messages[-1].content.startswith("Earlier notes:") for r in requests)


def test_a_clean_pipeline_with_every_option_of_rag_answers_right() -> None:
    wrong, _ = asked_by(
        "rag_hybrid", retriever="hybrid", embed=HashEmbedConfig(), rewrite=True, rerank="llm"
    )
    assert wrong == []


def test_every_call_gives_the_same_reply_again_in_any_thread() -> None:
    _, requests = asked_by("rag_bm25", retriever="bm25", rewrite=True, rerank="llm")
    model = simulated_model()
    once = [response.text for response in model.generate(requests)]
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda r: model.generate([r])[0].text, requests * 4))
    assert again == once * 4


def test_a_call_takes_about_a_millisecond() -> None:
    _, requests = asked_by("rag_bm25", retriever="bm25", rewrite=True, rerank="llm")
    model = simulated_model()
    spent = []
    for request in requests:
        started = time.perf_counter()
        model.generate([request])
        spent.append(time.perf_counter() - started)
    assert statistics.median(spent) < 0.02, spent  # twenty times what it takes: machines differ
