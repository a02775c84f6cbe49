"""The arms of a study and the tables they fill: the paper's tables 1, 3, 4 and figure 3.

An arm is one way to train; an arm that several tables need is run once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from lmcommon.errors import UserError
from rtt.relevance.config import RandomSource, RelevanceSettings
from rtt.train.advantage import Credit

__all__ = ["ARMS", "TABLES", "Arm", "Row", "Table", "arms_of"]

Kind = Literal["base", "sft", "dpo", "rl"]
Judge = Literal["discriminator", "greedy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to train.

    Example:
        `Arm(name="rtt_aon", label="RTT-AON", credit=Credit(), against="rl_aon")`
    """

    name: str
    label: str
    kind: Kind = "rl"
    """base: not trained at all; sft, dpo: on recorded responses; rl: GRPO."""
    credit: Credit | None = None
    relevance: RelevanceSettings | None = None
    """What weighs the tokens; None: what the study is configured with."""
    judge: Judge | None = None
    """Which discriminator of the study weighs the tokens; None: see `relevance`."""
    against: str | None = None
    """The arm it is compared with."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. Example: `Row("rl_aon", "uniform (= RL-AON)")`."""

    arm: str
    label: str | None = None
    """In place of the arm's own."""
    paper_label: str | None = None
    """What the paper has in its place, where that is something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Which arms stand side by side."""

    title: str
    rows: tuple[Row, ...]
    paper: str | None = None
    """Its counterpart among the paper's results; None: there is none."""
    betas: Mapping[str, float] | None = None
    """For a sweep: the weight of the token credit of each arm."""


def _arm(name: str, label: str, against: str, credit: Credit, judge: Judge | None = None) -> Arm:
    return Arm(name=name, label=label, against=against, credit=credit, judge=judge)


_FLOOR = 0.05
"""A response on which a discriminator's relevances spread less than this has no relevant token: the
normalisation would stretch what is left, its noise, to unit variance."""


def _intra(weight: float = 0.5, reward: str = "aon", floor: float = 0.0) -> Credit:
    return Credit(scheme="intra", reward=reward, weight=weight, floor=floor)


def _baseline(reward: str = "aon", floor: float = 0.0) -> Credit:
    return Credit(scheme="baseline_intra", reward=reward, weight=1.0, floor=floor)


ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        arm.name: arm
        for arm in (
            Arm(name="base", label="base", kind="base"),
            Arm(name="sft", label="SFT", kind="sft", against="base"),
            Arm(name="dpo", label="DPO", kind="dpo", against="base"),
            _arm("rl_csr", "RL-CSR", "base", Credit(scheme="none", reward="csr")),
            _arm("rl_aon", "RL-AON", "base", Credit(scheme="none", reward="aon")),
            _arm("rtt_csr", "RTT-CSR", "rl_csr", _intra(reward="csr")),
            _arm("rtt_aon", "RTT-AON", "rl_aon", _intra()),
            _arm("baseline_csr", "RTT-CSR with baseline", "rl_csr", _baseline("csr")),
            _arm("baseline_aon", "RTT-AON with baseline", "rl_aon", _baseline()),
            _arm("inter", "inter-sample", "rtt_aon", Credit(scheme="inter", reward="aon")),
            Arm(
                name="random", label="random", against="rl_aon", credit=_intra(),
                relevance=RandomSource(),
            ),
            _arm("greedy", "greedy-annotated discriminator", "rl_aon", _intra(), "greedy"),
            _arm("learned", "discriminator", "rl_aon", _intra(), "discriminator"),
            _arm("baseline_learned", "with baseline, discriminator", "rl_aon", _baseline(),
                 "discriminator"),
            _arm("learned_floor", "discriminator, floor 0.05", "rl_aon", _intra(floor=_FLOOR),
                 "discriminator"),
            _arm("baseline_learned_floor", "with baseline, discriminator, floor 0.05", "rl_aon",
                 _baseline(floor=_FLOOR), "discriminator"),
            _arm("beta_025", "beta 0.25", "rl_aon", _intra(0.25)),
            _arm("beta_075", "beta 0.75", "rl_aon", _intra(0.75)),
            _arm("beta_1", "beta 1", "rl_aon", _intra(1.0)),
        )
    }
)  # fmt: skip
"""Every arm by name."""

_BETAS = {"rl_aon": 0.0, "beta_025": 0.25, "rtt_aon": 0.5, "beta_075": 0.75, "beta_1": 1.0}

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "main": Table(
            title="Main results", paper="main",
            rows=tuple(map(Row, (
                "base", "sft", "dpo", "rl_csr", "rl_aon", "rtt_csr", "rtt_aon", "baseline_csr",
                "baseline_aon",
            ))),
        ),
        "partition": Table(
            title="Partition of the token credit", paper="partition",
            rows=(Row("inter", "inter-sample"), Row("rtt_aon", "intra-sample")),
        ),
        "relevance": Table(
            title="Token weights", paper="relevance",
            rows=(Row("random"), Row("rl_aon", "uniform (= RL-AON)"), Row("greedy"),
                  Row("learned"), Row("learned_floor"),
                  Row("rtt_aon", "as configured", "taxonomy discriminator")),
        ),
        "beta": Table(
            title="Weight of the token credit", paper="beta", betas=_BETAS,
            rows=tuple(Row(name, f"beta {beta:g}") for name, beta in _BETAS.items()),
        ),
        "learned": Table(
            title="A learned discriminator beside exact spans",
            rows=tuple(map(Row, (
                "rl_aon", "baseline_aon", "baseline_learned", "baseline_learned_floor", "rtt_aon",
                "learned", "learned_floor",
            ))),
        ),
    }
)  # fmt: skip
"""Every table by name. With beta 0, as with uniform weights, the token credit is zero: plain GRPO,
bit for bit, so that RL-AON stands for both."""


def arms_of(tables: Sequence[str], arms: Sequence[str] = ()) -> list[Arm]:
    """The arms of some tables and further ones, each once.

    Raises:
        UserError: There is no such table or arm.
    """
    for key, given, known in (("tables", tables, TABLES), ("arms", arms, ARMS)):
        if unknown := sorted(set(given) - known.keys()):
            raise UserError(f"{key}: expected some of {', '.join(known)}; got {unknown}")
    named = [row.arm for table in tables for row in TABLES[table].rows]
    return [ARMS[name] for name in dict.fromkeys((*named, *arms))]
