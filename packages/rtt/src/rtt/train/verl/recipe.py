"""How a run scores, as a file that every reward worker of a cluster can read.

In: the settings of verdicts, relevance and credit of `rtt-train`. Out: `scoring.json`; and back to
a `Scorer` with its `Credit`. A worker is another process on another machine, so settings travel by
the names of their options, and no secret is among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from lmcommon.errors import UserError
from lmcommon.llm.config import LLM_SCHEMAS
from rtt.relevance.config import RELEVANCE_SCHEMAS, ContrastSource, SpanSource
from rtt.train.advantage import Credit
from rtt.train.scoring import Scorer
from rtt.train.verl.scoring import check_credit
from rtt.verdicts.config import VERDICT_SCHEMAS, NoVerdicts, ProgramVerdicts

__all__ = ["RECIPE_KEY", "Recipe"]

RECIPE_KEY = "rtt_recipe"
"""`reward.reward_kwargs.rtt_recipe`: where a reward worker finds the path of the file."""

_SMALLER = 32
"""How many batches of a reward worker stand for one of a trainer: they begin at one response."""

_GROUPS: Mapping[str, Mapping[str, type]] = {
    "verdicts": VERDICT_SCHEMAS, "relevance": RELEVANCE_SCHEMAS, "judge_llm": LLM_SCHEMAS,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of scoring.

    Example:
        `Recipe(credit=Credit(reward="csr")).write(folder / "scoring.json")`
    """

    credit: Credit
    verdicts: Any = None
    """An option of `rtt.verdicts.config`; None: program checks."""
    relevance: Any = None
    """An option of `rtt.relevance.config`; None: the spans that decide the checks."""
    judge_llm: Any = None
    """The model that judges; None: there is none."""

    def __post_init__(self) -> None:
        check_credit(self.credit)
        if isinstance(self.verdicts, NoVerdicts):
            raise UserError(
                "verdicts=none: expected verdicts to train on; take verdicts=program or hybrid"
            )
        if isinstance(self.relevance, ContrastSource):
            raise UserError(
                "relevance=policy_contrast: expected a source that needs no policy with "
                "engine=verl, whose reward workers have none; take relevance=discriminator or "
                "relevance=spans, or engine=trl"
            )

    def write(self, path: Path) -> None:
        """Write the settings.

        Raises:
            UserError: Settings of a class that no option is registered for.
        """
        told: dict[str, Any] = {"credit": asdict(self.credit)}
        for key in _GROUPS:
            settings = getattr(self, key)
            if settings is not None:
                told[key] = {"option": _option(key, settings), "settings": asdict(settings)}
        path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read what `write` wrote.

        Raises:
            UserError: There is no such file, or it is none of ours.
        """
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            groups = {
                key: _settings(schemas[told[key]["option"]], told[key]["settings"])
                for key, schemas in _GROUPS.items()
                if key in told
            }
            return cls(credit=Credit(**told["credit"]), **groups)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}: expected the scoring settings that rtt-train engine=verl writes; got "
                f"{error!r}; the run folder must be visible to every machine of the cluster"
            ) from error

    @contextmanager
    def scorer(self) -> Iterator[Scorer]:
        """The scorer of one worker, with the judge's model open for the length of the block.

        Each worker counts the judge's budget, and what it can bear in unscored batches, by itself.
        """
        settings = self.verdicts or ProgramVerdicts()
        settings = replace(settings, patience=settings.patience * _SMALLER)
        relevance = SpanSource() if self.relevance is None else self.relevance
        opened = nullcontext() if self.judge_llm is None else closing(self.judge_llm.build())
        with opened as model, closing(settings.build(model)) as verdicts:
            yield Scorer(verdicts=verdicts, relevance=relevance.build(None))


def _option(group: str, settings: Any) -> str:
    for name, schema in _GROUPS[group].items():
        if type(settings) is schema:
            return name
    raise UserError(
        f"{group}: expected one of {', '.join(_GROUPS[group])} with engine=verl; got "
        f"{type(settings).__name__}"
    )


def _settings(schema: type, values: Mapping[str, Any]) -> Any:
    """A settings class from what `asdict` and JSON made of it; inner settings are classes too."""
    hints = get_type_hints(schema)
    return schema(**{key: _value(hints[key], value) for key, value in values.items()})


def _value(hint: Any, value: Any) -> Any:
    inner = next((one for one in (hint, *get_args(hint)) if is_dataclass(one)), None)
    if isinstance(value, dict) and isinstance(inner, type):
        return _settings(inner, value)
    return value
