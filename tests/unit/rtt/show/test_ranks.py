"""The table of processes: sums, means, maxima, and who is slow or behind."""

from __future__ import annotations

from typing import Any

from rtt.show.ranks import rank_figures, rank_lines, rank_totals


def step(number: int, rollout_s: float, exchange_s: float, **more: Any) -> dict[str, Any]:
    return {"step": number, "rollout_s": rollout_s, "exchange_s": exchange_s, **more}


PARTS = {
    1: [step(1, 3.0, 0.0, tokens=5, peak_memory_mib=300.0), step(2, 3.0, 0.5, tokens=7)],
    0: [step(1, 1.0, 2.0, tokens=4, peak_memory_mib=200.0),
        step(2, 1.0, 2.0, tokens=4, peak_memory_mib=250.0, unscored_criteria=2)],
}  # fmt: skip


def test_a_process_is_summed_over_its_rows() -> None:
    zero, one = rank_totals(PARTS)
    assert (zero.rank, zero.rows, zero.last) == (0, 2, 2)
    assert zero.seconds == {"rollout_s": 2.0, "exchange_s": 4.0}
    assert zero.counts == {"tokens": 8.0, "unscored_criteria": 2.0}
    assert zero.peaks == {"peak_memory_mib": 250.0}
    assert one.counts == {"tokens": 12.0}


def test_waiting_for_the_slow_one_is_not_being_slow() -> None:
    assert rank_figures(rank_totals(PARTS)) == {
        "ranks": 2, "slowest_rank": 1, "slowest_over_mean": 1.5
    }  # fmt: skip


def test_the_merge_is_a_mean_of_seconds_a_sum_of_counts_and_the_largest_memory() -> None:
    lines = rank_lines(rank_totals(PARTS))
    heads = ["rank", "rows", "last", "rollout_s", "exchange_s", "tokens", "unscored_criteria",
             "peak_memory_mib"]  # fmt: skip
    assert lines[0] == "| " + " | ".join(heads) + " |"
    assert lines[4] == "| mean s, sums, most | 4 | 2 | 4.00 | 2.25 | 20 | 2 | 300 |"
    assert lines[5].startswith("| most s |  |  | 6.00 | 4.00 |"), lines
    assert lines[6] == "slowest: rank 1, 1.50 times the mean, waiting left out"
    assert len(lines) == 7, lines


def test_a_process_that_stopped_early_is_named() -> None:
    parts = {**PARTS, 2: [step(1, 1.0, 1.0)]}
    assert rank_lines(rank_totals(parts))[-1] == "behind the others: rank 2"


def test_batches_of_responses_end_where_they_end() -> None:
    parts = {0: [{"batch": 0, "sample_s": 1.0}], 1: [{"batch": 1, "sample_s": 1.0}]}
    assert not any("behind" in line for line in rank_lines(rank_totals(parts)))


def test_nothing_is_said_of_a_process_alone_or_of_one_without_rows() -> None:
    assert rank_lines(rank_totals({})) == []
    assert rank_figures(rank_totals({0: []})) == {}
