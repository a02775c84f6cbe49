"""Does the simulated model answer right wherever the pipeline shows it what it needs?

Task, fixed beforehand: generated conversations, seeds `--seed`, `--seed` + 1, ... (20 tiny and 5
small; 3 tiny for EverOS), every question of each, through a clean pipeline with the simulated
model; answers judged by `NormalizedAnswerJudge`. Metric: the share judged right, in all and by
category. `--counterfactual`: Long-Context over conversations that lack the evidence turns of the
question; the metric is then the share judged wrong. `--show` prints what went wrong. Wrong answers
to prompts that hold every evidence passage are counted as `misread`: those are the model's, the
others the pipeline's.

    python bench/simulated_accuracy.py --pipelines long_context,rag_bm25 --tiny 20 --small 5
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lmcommon.data import generate_conversation
from lmcommon.data.generated import CATEGORIES, SIZES
from lmcommon.data.types import Conversation
from lmcommon.embed.config import BundledEmbedConfig
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.types import ChatRequest
from memtrace.evaluate import evaluate
from memtrace.evaluate.types import Episode
from memtrace.faultbench.simulated import simulated_model
from memtrace.faultbench.simulated.remembering import passages
from memtrace.memory.config import MEMORY_SCHEMAS

PIPELINES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "long_context": ("long_context", {"budget_tokens": 100_000}),
    "long_context_300": ("long_context", {"budget_tokens": 300}),
    "long_context_summary": (
        "long_context", {"budget_tokens": 400, "trim": "summarise", "summary_tokens": 200},
    ),
    "rag_bm25": ("rag_bm25", {"retriever": "bm25"}),
    "rag_dense": ("rag_dense", {}),
    "rag_hybrid": ("rag_hybrid", {"retriever": "hybrid"}),
    "rag_hybrid_rerank": ("rag_hybrid", {"retriever": "hybrid", "rerank": "llm"}),
    "rag_bm25_rewrite": ("rag_bm25", {"retriever": "bm25", "rewrite": True}),
    "rag_dense_rewrite": ("rag_dense", {"rewrite": True}),
    "mem0": ("mem0", {}),
    "mem0_classic": ("mem0_classic", {}),
    "everos": ("everos", {}),
    "everos_agentic": ("everos", {"retrieval": "agentic"}),
    "langmem": ("langmem", {}),
}  # fmt: skip
_EMBEDS = ("rag_dense", "rag_hybrid", "mem0", "mem0_classic", "everos", "langmem")
_SLOW = {"everos": 3, "everos_agentic": 1}


def conversation_of(seed: int, size: str) -> Conversation:
    """A generated conversation of one of `SIZES`."""
    chosen = SIZES[size]
    return generate_conversation(
        seed, num_sessions=chosen.num_sessions, turns_per_session=chosen.turns_per_session,
        num_people=chosen.num_people, num_questions=chosen.num_questions,
    )  # fmt: skip


def without_evidence(whole: Conversation) -> Iterator[Conversation]:
    """For each question with evidence, the conversation without those turns."""
    for question in whole.questions:
        if question.evidence:
            sessions = tuple(
                replace(
                    session,
                    turns=tuple(t for t in session.turns if t.id not in question.evidence),
                )
                for session in whole.sessions
            )
            yield replace(whole, sessions=sessions, questions=(question,))


def holds_evidence(
    episode: Episode, conversation: Conversation, requests: Sequence[ChatRequest]
) -> bool:
    """Whether the prompt of an answer holds every passage that the answer follows from."""
    turns = {turn.id: turn.text for session in conversation.sessions for turn in session.turns}
    needed = [part for turn in episode.evidence for part in passages(turns[turn])]
    prompts = (request.messages[-1].content for request in reversed(requests))
    asked = f"Question: {episode.text}"
    prompt = next((text for text in prompts if text.endswith(asked)), "")
    return all(part in prompt for part in needed)


def measure(
    pipeline: str, conversations: list[Conversation], *, show: bool, right: bool = True
) -> dict[str, object]:
    """The figures of one pipeline."""
    system, settings = PIPELINES[pipeline]
    given: dict[str, Any] = dict(settings)
    if system in _EMBEDS:
        given["embed"] = BundledEmbedConfig()
    model = simulated_model()
    make = MEMORY_SCHEMAS[system](**given).build(model)
    asked: Counter[str] = Counter()
    good: Counter[str] = Counter()
    unscored = misread = 0
    started = time.perf_counter()
    for conversation in conversations:
        first = len(model.requests)
        memory = make(f"{pipeline}/{conversation.id}")
        try:
            for episode in evaluate(memory, conversation, NormalizedAnswerJudge()):
                category = episode.category
                asked[category] += 1
                is_good = episode.verdict.satisfied is right
                unscored += episode.verdict.satisfied is None
                good[category] += is_good
                if (
                    right
                    and not is_good
                    and holds_evidence(episode, conversation, model.requests[first:])
                ):
                    misread += 1
                    print("  misread:")
                if show and not is_good:
                    print(
                        f"  {conversation.id} {category}: {episode.text!r} "
                        f"gold {episode.gold!r} said {episode.prediction!r}"
                    )
        finally:
            memory.close()
    close = getattr(make, "close", None)
    if close is not None:
        close()
    total = sum(asked.values())
    return {
        "pipeline": pipeline, "questions": total, "unscored": unscored,
        "misread": misread,
        "share": round(sum(good.values()) / total, 4) if total else None,
        **{c: f"{good[c]}/{asked[c]}" for c in CATEGORIES if asked[c]},
        "calls": len(model.requests), "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip


def main() -> None:
    """Measure and print one JSON line a pipeline and size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pipelines", default=",".join(PIPELINES))
    parser.add_argument("--tiny", type=int, default=20)
    parser.add_argument("--small", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--counterfactual", action="store_true")
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    for size, count in (("tiny", args.tiny), ("small", args.small)):
        whole = [conversation_of(args.seed + number, size) for number in range(count)]
        if args.counterfactual and whole:
            cut = [part for one in whole for part in without_evidence(one)]
            row = measure("long_context", cut, show=args.show, right=False)
            print(json.dumps({"size": size, "counterfactual": True, **row}), flush=True)
            continue
        for name in args.pipelines.split(","):
            some = whole[: _SLOW.get(name, count)] if size == "tiny" or name not in _SLOW else []
            if some:
                print(json.dumps({"size": size, **measure(name, some, show=args.show)}), flush=True)


if __name__ == "__main__":
    main()
