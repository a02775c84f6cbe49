"""Which data sets can be read, and the one way to read them: `load(name, spec)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from lmcommon.data.advancedif import parse_advancedif
from lmcommon.data.files import OnBad
from lmcommon.data.followbench import join_ladders, parse_followbench
from lmcommon.data.healthbench import parse_healthbench
from lmcommon.data.hir import parse_hir
from lmcommon.data.hub import open_rows
from lmcommon.data.ifeval import parse_ifbench, parse_ifeval
from lmcommon.data.infobench import parse_infobench
from lmcommon.data.locomo import parse_locomo
from lmcommon.data.longmemeval import parse_longmemeval
from lmcommon.data.muldimif import parse_muldimif
from lmcommon.data.realmem import parse_realmem
from lmcommon.data.rows import Row
from lmcommon.data.types import Conversation, RubricPrompt
from lmcommon.data.writingbench import parse_writingbench
from lmcommon.errors import UserError

__all__ = ["CONVERSATIONS", "DATASETS", "PROMPTS", "DataSet", "load", "load_conversations",
           "load_prompts"]  # fmt: skip

Item = TypeVar("Item", Conversation, RubricPrompt)
Join = Callable[[Iterable[Row], OnBad | None], Iterator[Row]]
"""Gives each row what it needs of the others, for sets whose rows make sense only together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet(Generic[Item]):
    """How one data set is read.

    Example: `DataSet(parse=parse_ifeval, hub="google/IFEval", licence="Apache-2.0")`
    """

    parse: Callable[[Row], Item]
    hub: str | None
    """Id on the hub; None: files only."""
    licence: str
    hub_file: str | None = None
    """File of the hub repository that is read as it is, or a pattern of several; None: through
    `datasets`."""
    split: str = "train"
    pattern: str = ""
    """Names of the files in a folder, for sets of several files."""
    join: Join | None = None
    """None: every row stands for itself."""

    def rows(self, spec: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Row]:
        """The rows that `parse` reads.

        Args:
            spec: A file, a folder or a hub id.
            on_bad: As for `read_rows`; also given what `join` cannot use.

        Raises:
            UserError: Nothing is there, or the hub cannot be reached.
            DataError: A file is malformed.
        """
        rows = open_rows(
            spec, hub_file=self.hub_file, split=self.split, pattern=self.pattern, on_bad=on_bad
        )
        return rows if self.join is None else self.join(rows, on_bad)

    def read(self, spec: str | Path) -> list[Item]:
        """Read every row; ids must be unique.

        Raises:
            UserError: Nothing is there, not even a row, or the hub cannot be reached.
            DataError: A row is malformed, or its id came before.
        """
        items: dict[str, Item] = {}
        for row in self.rows(spec):
            item = self.parse(row)
            if item.id in items:
                raise row.error(f"expected unique ids; {item.id!r} came before")
            items[item.id] = item
        if not items:
            raise UserError(f"{spec}: expected at least one row, got none; the file is empty")
        return list(items.values())


CONVERSATIONS: Mapping[str, DataSet[Conversation]] = MappingProxyType(
    {
        "locomo": DataSet(parse=parse_locomo, hub=None, licence="CC BY-NC 4.0"),
        "longmemeval": DataSet(
            parse=parse_longmemeval,
            hub="xiaowu0162/longmemeval-cleaned",
            hub_file="longmemeval_oracle.json",
            licence="MIT",
        ),
        "realmem": DataSet(
            parse=parse_realmem, hub=None, licence="Apache-2.0", pattern="*_dialogues_*.json*"
        ),
    }
)
"""Sets of conversations with questions."""

PROMPTS: Mapping[str, DataSet[RubricPrompt]] = MappingProxyType(
    {
        "ifeval": DataSet(parse=parse_ifeval, hub="google/IFEval", licence="Apache-2.0"),
        "ifbench": DataSet(parse=parse_ifbench, hub="allenai/IFBench_test", licence="ODC-BY-1.0"),
        "muldimif": DataSet(
            parse=parse_muldimif,
            hub="Junjie-Ye/MulDimIF",
            hub_file="Data/test.json",
            licence="CC BY 4.0",
        ),
        "hir": DataSet(
            parse=parse_hir,
            hub="sastpg/HIR-16K",
            licence="not stated",
        ),
        "infobench": DataSet(parse=parse_infobench, hub="kqsong/InFoBench", licence="MIT"),
        "followbench": DataSet(
            parse=parse_followbench,
            hub="YuxinJiang/FollowBench",
            hub_file="data_en/*.json",
            pattern="*_constraints.json*",
            join=join_ladders,
            licence="Apache-2.0",
        ),
        "advancedif": DataSet(
            parse=parse_advancedif, hub="facebook/AdvancedIF", licence="CC BY-NC 4.0"
        ),
        "healthbench": DataSet(
            parse=parse_healthbench,
            hub="openai/healthbench",
            hub_file="2025-05-07-06-14-12_oss_eval.jsonl",
            licence="MIT",
        ),
        "writingbench": DataSet(parse=parse_writingbench, hub=None, licence="Apache-2.0"),
    }
)
"""Sets of prompts with rubrics."""

DATASETS: Mapping[str, DataSet[Conversation] | DataSet[RubricPrompt]] = MappingProxyType(
    {**CONVERSATIONS, **PROMPTS}
)


def load(name: str, spec: str | Path) -> list[Conversation] | list[RubricPrompt]:
    """Read a data set.

    Args:
        name: One of `DATASETS`.
        spec: A file, a folder (RealMem, FollowBench), or a hub id: `owner/name[:config[:split]]`.

    Raises:
        UserError: The name is not known, nothing is there, or the hub cannot be reached.
        DataError: A row is malformed; names file, row and field.
    """
    return _named(DATASETS, name).read(spec)


def load_conversations(name: str, spec: str | Path) -> list[Conversation]:
    """`load` for one of `CONVERSATIONS`."""
    return _named(CONVERSATIONS, name).read(spec)


def load_prompts(name: str, spec: str | Path) -> list[RubricPrompt]:
    """`load` for one of `PROMPTS`."""
    return _named(PROMPTS, name).read(spec)


Table = TypeVar("Table")


def _named(table: Mapping[str, Table], name: str) -> Table:
    if name not in table:
        raise UserError(f"data set: expected one of {', '.join(sorted(table))}; got {name!r}")
    return table[name]
