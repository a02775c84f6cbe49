"""Credit to rows that lie on several processes; metrics of several processes as one."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any, get_args

import pytest
import torch

from lmcommon.judge.types import Verdict
from rtt.tasks import WordsTask
from rtt.train.advantage import Credit
from rtt.train.schemes import Scheme
from rtt.train.scoring import Scorer
from rtt.train.trl.credit import RowCredit, give_credit, whole_groups
from rtt.train.trl.merging import Measured, merge_metrics
from rtt.train.trl.reward import ScoredRow
from rtt.types import Group, Rollout

TASK = WordsTask()
G = 4


def scored_rows(prompts: int) -> list[ScoredRow]:
    random, rows = Random(1), []
    for prompt in islice(TASK.prompts("train", 2), prompts):
        for _ in range(G):
            words = random.choices(TASK.words, k=random.randint(3, 7))
            text = " ".join(words)
            starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
            rollout = Rollout(
                prompt_id=prompt.id, tokens=tuple(range(len(words))),
                logprobs=(math.nan,) * len(words), text=text,
                offsets=tuple((s, s + len(w)) for s, w in zip(starts, words, strict=True)),
            )  # fmt: skip
            group = Scorer().score([Group(prompt=prompt, rollouts=(rollout,))])[0]
            rows.append(ScoredRow(prompt=prompt, scored=group.samples[0]))
    return rows


def on_processes(rows: list[ScoredRow], count: int, credit: Credit) -> list[RowCredit]:
    """Every process in a thread of its own, with equal parts of the rows."""
    size = len(rows) // count
    barrier = threading.Barrier(count)
    slots: list[list[Any]] = [[] for _ in range(count)]
    results: list[Any] = [None] * count

    def process(rank: int) -> None:
        def gather(items: list[Any]) -> list[Any]:
            barrier.wait()
            slots[rank] = items
            barrier.wait()
            return [item for slot in slots for item in slot]

        part = rows[rank * size : (rank + 1) * size]
        results[rank] = give_credit(part, credit, G, first=rank * size, gather=gather)

    threads = [threading.Thread(target=process, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results


@pytest.mark.parametrize("scheme", get_args(Scheme))
@pytest.mark.parametrize("processes", [2, 3, 4, 6, 8])
def test_a_row_gets_the_same_on_any_number_of_processes(scheme: str, processes: int) -> None:
    rows = scored_rows(6)  # 24 rows: parts of 12, 8, 6 (cut), 4 and 3 (cut twice over)
    credit = Credit(scheme=scheme, reward="csr")
    (whole,) = on_processes(rows, 1, credit)
    parts = on_processes(rows, processes, credit)
    place = 0
    for part in parts:
        count, width = part.advantage_BT.shape
        expected = whole.advantage_BT[place : place + count]
        torch.testing.assert_close(part.advantage_BT, expected[:, :width], atol=1e-6, rtol=0)
        assert not expected[:, width:].any()
        torch.testing.assert_close(part.response_B, whole.response_B[place : place + count])
        assert torch.equal(part.relevant_BT, whole.relevant_BT[place : place + count, :width]), (
            part.relevant_BT,
            whole.relevant_BT,
        )
        place += count
    assert place == len(rows)
    for name, value in whole.metrics.items():
        if name != "length_p95" and not name.startswith("relevance_"):
            assert parts[0].metrics[name] == pytest.approx(value, abs=1e-6), name
    assert all(part.metrics == parts[0].metrics for part in parts)


def test_whole_groups_on_one_process_are_never_exchanged() -> None:
    def refuse(_: list[Any]) -> list[Any]:
        raise AssertionError("exchanged")

    rows = scored_rows(2)
    assert whole_groups(rows, G, first=8, gather=refuse) == (rows, 8)


def test_only_the_rows_of_cut_groups_are_offered() -> None:
    rows, offered = scored_rows(6), []

    def gather(items: list[Any]) -> list[Any]:
        offered.extend(number for number, _ in items)
        return [(number, row) for number, row in enumerate(rows) if number < 4 or number >= 8]

    part, begin = whole_groups(rows[2:12][:9], G, first=2, gather=gather)
    assert (len(part), begin) == (12, 0)
    assert offered == [2, 3, 8, 9, 10]


def test_an_unscored_group_gets_nothing_and_is_counted() -> None:
    rows = scored_rows(2)
    for place in range(G):
        scored = rows[place].scored
        down = (Verdict.unscored("judge down"),) * len(scored.verdicts)
        rows[place] = replace(rows[place], scored=replace(scored, verdicts=down))
    (got,) = on_processes(rows, 1, Credit(reward="csr"))
    assert not got.advantage_BT[:G].any()
    assert got.advantage_BT[G:].any()
    assert got.metrics["unscored"] == G


def test_tokens_of_a_tool_take_no_part_in_the_credit() -> None:
    rows = scored_rows(1)
    alone = [replace(rows[0], own=None), *rows[1:]]
    length = len(rows[0].scored.rollout.tokens)
    own = (True,) * (length - 1) + (False,)
    tooled = [replace(rows[0], own=own), *rows[1:]]
    (plain,) = on_processes(alone, 1, Credit(reward="csr"))
    (with_tool,) = on_processes(tooled, 1, Credit(reward="csr"))
    assert with_tool.advantage_BT[0, length - 1] == 0
    assert plain.advantage_BT[0, length - 1] != 0
    total = (with_tool.advantage_BT[0] - with_tool.response_B[0])[: length - 1].sum()
    assert abs(total) < 1e-5, with_tool.advantage_BT[0]


def test_metrics_of_processes_are_added_kept_or_averaged_by_what_they_count() -> None:
    one = {"rows": 3, "scored": 1, "tokens": 30, "ended": 0}
    two = {"rows": 1, "scored": 1, "tokens": 10, "ended": 1}
    merged = merge_metrics([
        Measured(counts=one, verdicts={"a": (1, 2)},
                 metrics={"reward": 1.0, "unscored": 2.0, "token_row_sum_max": 0.1, "length": 10.0,
                          "eos_advantage": 0.0, "token_clipped": 0.0}),
        Measured(counts=two, verdicts={"a": (2, 2), "b": (0, 1)},
                 metrics={"reward": 0.0, "unscored": 1.0, "token_row_sum_max": 0.4, "length": 2.0,
                          "eos_advantage": -0.5, "token_clipped": 0.4}),
    ])  # fmt: skip
    assert merged == {
        "reward": 0.5, "unscored": 3.0, "token_row_sum_max": 0.4, "length": 8.0,
        "eos_advantage": -0.5, "token_clipped": pytest.approx(0.1), "by_kind/a": 0.75,
        "by_kind/b": 0.0,
    }  # fmt: skip
