"""The paper's figures as stored: their means are those that its text claims, or known to differ."""

from __future__ import annotations

from statistics import mean

import pytest

from rtt.run.studying.paper import paper_table, standard_error

MAIN = paper_table("main")
RESPONSE, CRITERION, ALL = (0, 2, 4, 5), (1, 3, 6), tuple(range(7))
"""Columns that count responses, and those that count single criteria."""


def over_models(arms: tuple[str, ...], columns: tuple[int, ...]) -> float:
    return mean(
        rows[arm][place] for rows in MAIN.rows.values() for arm in arms for place in columns
    )


@pytest.mark.parametrize(("columns", "claimed"), [(RESPONSE, 2.503), (CRITERION, 1.644)])
def test_both_rtt_variants_gain_what_is_claimed_over_both_rl_ones(
    columns: tuple[int, ...], claimed: float
) -> None:
    """The paper: +2.50 at the level of instructions (whole prompts), +1.64 at that of rubrics."""
    gain = over_models(("rtt_csr", "rtt_aon"), columns) - over_models(("rl_csr", "rl_aon"), columns)
    assert gain == pytest.approx(claimed, abs=6e-4)


@pytest.mark.parametrize(("reward", "gain"), [("aon", 1.57), ("csr", 2.70)])
def test_gain_of_each_reward_over_all_columns(reward: str, gain: float) -> None:
    """The text says 1.58 and 2.17; the table gives 1.57 and 2.70."""
    told = over_models((f"rtt_{reward}",), ALL) - over_models((f"rl_{reward}",), ALL)
    assert told == pytest.approx(gain, abs=6e-3)


def test_every_row_has_a_value_for_each_column() -> None:
    for name in ("main", "partition", "relevance", "beta", "out_of_domain"):
        table = paper_table(name)
        for model, arms in table.rows.items():
            for arm, values in arms.items():
                assert len(values) == len(table.columns), (name, model, arm)
                assert all(0 < value < 100 for value in values), (name, model, arm)


@pytest.mark.parametrize("name", ["partition", "relevance"])
def test_rows_that_two_tables_share_agree(name: str) -> None:
    for model, arms in paper_table(name).rows.items():
        for arm in arms.keys() & {"rl_aon", "rtt_aon"}:
            assert arms[arm] == MAIN.rows[model][arm], (model, arm)


@pytest.mark.parametrize("arm", ["rl_aon", "rtt_aon"])
def test_the_sweep_is_the_mean_of_the_first_six_columns(arm: str) -> None:
    """Its text names IFEval, IFBench and MulDimIF; the drawn points fit six columns."""
    model = "Qwen3-4B-Instruct-2507"
    drawn = paper_table("beta").rows[model][arm][0]
    assert drawn == pytest.approx(mean(MAIN.rows[model][arm][:6]), abs=6e-3)


@pytest.mark.parametrize(("percent", "size", "error"), [
    (83.4, 541, 1.60), (30.95, 294, 2.70), (56.08, 1200, 1.43), (44.31, 1645, 1.22),
])  # fmt: skip
def test_standard_error_of_a_share(percent: float, size: int, error: float) -> None:
    assert standard_error(percent, size) == pytest.approx(error, abs=6e-3)


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(KeyError, match="appendix"):
        paper_table("appendix")
