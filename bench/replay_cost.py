"""What a change costs: correct one extraction, or change the answer prompt, and count calls.

Task, fixed beforehand: one conversation of `--turns` turns (LoCoMo's first with `--locomo FILE`,
else a generated one), its questions, one memory system, the rule-made model, the bundled MiniLM
embedder. `--count` extractions are drawn at random among those that found something; in each the
first fact is corrected (its last word is replaced), and the run is replayed. Metric: calls made
anew as a share of the calls of the base run; median with a 95 % bootstrap interval over the drawn
extractions, and the largest. Then one replay with another answer prompt: calls a question.

    python bench/replay_cost.py --memory mem0_classic --turns 400 --locomo locomo10.json
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from replay_runs import bootstrap, record_run

from lmcommon.data import generate_conversation
from lmcommon.data.types import Conversation
from memtrace.execution import Oracle, SwapPrompt
from memtrace.replaying import Replayer, points
from memtrace.testing import rule_model


def first_turns(conversation: Conversation, turns: int) -> Conversation:
    """The conversation up to so many turns, with the questions about them."""
    sessions, left = [], turns
    for session in conversation.sessions:
        if left <= 0:
            break
        sessions.append(replace(session, turns=session.turns[:left]))
        left -= len(session.turns)
    said = {turn.id for session in sessions for turn in session.turns}
    asked = tuple(q for q in conversation.questions if q.evidence and said.issuperset(q.evidence))
    return replace(conversation, sessions=tuple(sessions), questions=asked)


def load(locomo: str | None, turns: int) -> Conversation:
    """The conversation of the task."""
    if locomo is None:
        row = generate_conversation(400, num_sessions=turns // 6, num_people=3, num_questions=40)
        return first_turns(row, turns)
    from lmcommon.data.config import DATA_SCHEMAS

    rows = DATA_SCHEMAS["locomo"](path=locomo, max_conversations=1).build()
    return first_turns(rows[0], turns)


def corrected(facts: list[Any]) -> list[Any]:
    """The facts, the first one with another last word."""
    first = facts[0]
    text = first if isinstance(first, str) else first["text"]
    fixed = " ".join([*text.rstrip(".").split(" ")[:-1], "Reykjavik."])
    return [fixed if isinstance(first, str) else {**first, "text": fixed}, *facts[1:]]


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", default="mem0_classic")
    parser.add_argument("--turns", type=int, default=400)
    parser.add_argument("--locomo")
    parser.add_argument("--count", type=int, default=21)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embed", default="bundled", choices=["bundled", "hash"])
    options = parser.parse_args()
    conversation = load(options.locomo, options.turns)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base.db"
        started = time.perf_counter()
        total = record_run(path, options.memory, conversation, embed=options.embed)
        base_s = time.perf_counter() - started
        with Replayer(path, model=rule_model(), cache=False) as replayer:
            with replayer.run() as factual:
                factual_calls, factual_s = factual.calls, factual.seconds
            found = [
                point
                for point in points(replayer.trace, role="facts")
                if replayer.trace.operation(point.operation).outputs.get("facts")
            ]
            drawn = random.Random(options.seed).sample(found, min(options.count, len(found)))
            shares, seconds = [], []
            for point in drawn:
                change = Oracle(at=point.operation, role="facts", function=corrected)
                with replayer.run([change]) as done:
                    shares.append(done.calls / total)
                    seconds.append(done.seconds)
            wording = "### user\nNotes:\n{context}\n\nQuestion: {question}"
            with replayer.run([SwapPrompt(name="qa", text=wording)]) as done:
                prompt_calls, questions = done.calls, len(done.episodes)
    low, high = bootstrap(shares)
    print(json.dumps({
        "memory": options.memory, "turns": len(conversation.turns), "questions": questions,
        "calls": total, "base_s": round(base_s, 1), "factual_calls": factual_calls,
        "factual_s": round(factual_s, 1), "corrected": len(shares),
        "share_median": round(statistics.median(shares), 4),
        "share_95": [round(low, 4), round(high, 4)], "share_max": round(max(shares), 4),
        "replay_s_median": round(statistics.median(seconds), 1),
        "answer_prompt_calls": prompt_calls,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
