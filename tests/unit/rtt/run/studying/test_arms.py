from __future__ import annotations

import pytest

from lmcommon.errors import UserError
from rtt.run.studying.arms import ARMS, TABLES, arms_of
from rtt.run.studying.paper import paper_table


def test_an_arm_that_several_tables_need_comes_once() -> None:
    names = [arm.name for arm in arms_of(list(TABLES))]
    assert len(names) == len(set(names)), names
    assert set(names) == ARMS.keys()


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_line_of_a_table_and_what_it_is_compared_with_is_an_arm(name: str) -> None:
    for row in TABLES[name].rows:
        assert row.arm in ARMS
        assert ARMS[row.arm].against in {None, *ARMS}, row


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.paper])
def test_every_line_of_the_paper_has_a_line_of_ours(name: str) -> None:
    ours = {row.arm for row in TABLES[name].rows}
    theirs = {arm for arms in paper_table(str(TABLES[name].paper)).rows.values() for arm in arms}
    assert theirs <= ours, theirs - ours


def test_the_sweep_has_the_weights_of_its_arms() -> None:
    """With weight 0 the token credit is gone: plain GRPO stands there."""
    for arm, beta in (TABLES["beta"].betas or {}).items():
        credit = ARMS[arm].credit
        assert credit is not None
        assert beta == (0 if credit.scheme == "none" else credit.weight), arm


def test_plain_arms_are_those_of_the_paper() -> None:
    made = {name: ARMS[name].credit for name in ("rl_aon", "rl_csr", "rtt_aon", "rtt_csr", "inter")}
    told = {name: one and (one.scheme, one.reward, one.weight) for name, one in made.items()}
    assert told == {
        "rl_aon": ("none", "aon", 0.5), "rl_csr": ("none", "csr", 0.5),
        "rtt_aon": ("intra", "aon", 0.5), "rtt_csr": ("intra", "csr", 0.5),
        "inter": ("inter", "aon", 0.5),
    }  # fmt: skip


@pytest.mark.parametrize(("tables", "arms", "key"), [
    (["mian"], [], "tables: expected some of main, .*mian"),
    ([], ["rtt"], "arms: expected some of base, .*rtt"),
])  # fmt: skip
def test_an_unknown_name_is_refused_with_the_known_ones(
    tables: list[str], arms: list[str], key: str
) -> None:
    with pytest.raises(UserError, match=key):
        arms_of(tables, arms)
