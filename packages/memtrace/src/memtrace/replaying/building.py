"""Building again what a trace was made with: memories from their configurations, the judge.

In: what a trace says of a memory, and the changes to it. Out: a factory. Factories, embedders and
guarded models are shared by the replays of one trace.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget
from memtrace.execution.calls import TracedModel
from memtrace.execution.interventions import InProgram, SetParameter, SwapPrompt
from memtrace.memory.base import MemorySystem
from memtrace.memory.specs import config_from, described, fits
from memtrace.replaying.models import AbsentModel, guarded
from memtrace.replaying.program import MemoryProgram
from memtrace.replaying.sharing import SharedEmbedders

__all__ = ["Builder", "Factory", "check_scopes", "version_warnings"]

Factory = Callable[[str], MemorySystem]


class Builder:
    """Builds memories for the replays of one trace. Safe to use from threads.

    Args:
        model: Answers what the recording does not; None: nothing does.
        judge: Judges the new answers; None: the recorded one, if it can be had.
        systems: Factories by scope, for memories that were not built from a configuration.
        cache: File of new replies; None: they are not kept.
    """

    def __init__(
        self, model: ChatModel | None, judge: AnswerJudge | None,
        systems: Mapping[str, Factory], cache: Path | None,
    ) -> None:  # fmt: skip
        self._model, self._judge, self._systems = model, judge, systems
        self._embedders = SharedEmbedders(None if cache is None else cache.with_suffix(".vectors"))
        self._factories: dict[str, Factory] = {}
        self._lock = threading.Lock()
        self._usual = None if model is None else guarded(model, None, cache)
        self._plain = None if model is None else guarded(model, None, None)
        self._cache = cache

    def close(self) -> None:
        """Let go of the cache and the embedders."""
        if self._usual is not None:
            self._usual.close()
        self._embedders.close()

    def model(self, budget: Budget | None, *, from_scratch: bool) -> ChatModel | None:
        """The model of one replay; with a budget, one that counts for this replay alone."""
        if self._model is None or budget is None:
            return self._plain if from_scratch else self._usual
        return guarded(self._model, budget, None if from_scratch else self._cache)

    def factory(
        self, program: MemoryProgram, changes: Sequence[InProgram], model: ChatModel | None,
        warnings: list[str],
    ) -> Factory:  # fmt: skip
        """The factory of a memory, with what is to be different.

        Raises:
            UserError: If the trace does not say how it was built, or a change does not fit.
        """
        if program.obstacle is not None:
            raise UserError(f"{program.scope}: {program.obstacle}")
        mine = [one for one in changes if one.scope in (None, program.scope)]
        swaps = [one for one in mine if isinstance(one, SwapPrompt | SetParameter)]
        if program.scope in self._systems:
            if swaps:
                raise UserError(
                    f"{swaps[0].kind}: {program.scope} is built by a factory of yours; change the "
                    "prompt or parameter there"
                )
            return self._systems[program.scope]
        if program.system is None:
            raise UserError(
                f"{program.scope}: the trace does not say how this memory was built (only systems "
                "built from a configuration do); give systems={scope: factory}"
            )
        config = config_from(program.system["config"])
        for swap in swaps:
            config = _with(config, swap)
        recorded = _recorded_model(program.system)
        if model is not None and not _are_equal(model.identity, recorded.identity):
            warnings.append(
                f"the model is {model.name}, the recording was made with {recorded.name}: its "
                "replies are not reused"
            )
        return self._built(config, recorded if model is None else model)

    def judge(
        self, program: MemoryProgram, model: ChatModel | None, warnings: list[str]
    ) -> AnswerJudge | None:
        """The judge of a memory's answers; None if nobody judged, or the judge is not at hand."""
        if program.judge is None or self._judge is not None:
            return self._judge
        from lmcommon.judge import LlmAnswerJudge, NormalizedAnswerJudge

        judges: list[AnswerJudge] = [NormalizedAnswerJudge()]
        if program.system is not None:
            asked = model or _recorded_model(program.system)
            judges.append(LlmAnswerJudge(TracedModel(asked, name="judge_call", kind="judge")))
        for judge in judges:
            if _are_equal(judge.identity, program.judge):
                return judge
        warnings.append(
            f"the recorded judge ({program.judge}) is not at hand: answers are not judged; give "
            "replay(..., judge=...)"
        )
        return None

    def _built(self, config: Any, model: ChatModel) -> Factory:
        is_shared = model is self._usual or model is self._plain or isinstance(model, AbsentModel)
        key = json.dumps([described(config), model.name, model is self._plain], sort_keys=True)
        with self._lock:
            if is_shared and key in self._factories:
                return self._factories[key]
            factory: Factory = self._embedders.sharing(config).build(model)
            if is_shared:
                self._factories[key] = factory
            return factory


def _recorded_model(system: Mapping[str, Any]) -> AbsentModel:
    return AbsentModel(system["model"]["name"], system["model"]["identity"])


def _are_equal(identity: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Whether two identities are the same as JSON, which knows no tuples."""
    texts = [json.dumps(dict(one), sort_keys=True, default=dict) for one in (identity, recorded)]
    return texts[0] == texts[1]


def _with(config: Any, swap: SwapPrompt | SetParameter) -> Any:
    if isinstance(swap, SwapPrompt):
        if not isinstance(swap.text, str):
            raise UserError(f"swap_prompt: expected a text for {swap.name!r}; got {swap.text!r}")
        return replace(config, prompts={**config.prompts, swap.name: swap.text})
    return _set(config, swap.name.split("."), swap)


def _set(config: Any, path: Sequence[str], swap: SetParameter) -> Any:
    kinds = (
        {field.name: str(field.type) for field in fields(config)} if is_dataclass(config) else {}
    )
    if path[0] not in kinds:
        known = ", ".join(kinds) or "it has none of that name (prompts: swap_prompt)"
        raise UserError(
            f"set_parameter: expected a setting of the system: {known}; got {swap.name!r}"
        )
    if len(path) > 1:
        value = _set(getattr(config, path[0]), path[1:], swap)
    elif fits(swap.value, kinds[path[0]]):
        value = swap.value
    else:
        raise UserError(
            f"set_parameter: expected {swap.name} to be {kinds[path[0]]}; got {swap.value!r}"
        )
    return replace(config, **{path[0]: value})


def check_scopes(changes: Sequence[InProgram], programs: Mapping[str, MemoryProgram]) -> None:
    """Refuse a change for a memory the trace does not have."""
    for change in changes:
        if change.scope is not None and change.scope not in programs:
            raise UserError(
                f"{change.kind}: expected a scope of the trace ({', '.join(programs)}); got "
                f"{change.scope!r}"
            )


def version_warnings(program: MemoryProgram, system: MemorySystem) -> list[str]:
    """What runs in other versions than it was recorded with."""
    if program.system is None:
        return []
    before = program.system.get("versions", {})
    return [
        f"{name}: recorded with {before.get(name)}, replayed with {version}: differences may come "
        "from there"
        for name, version in system.versions.items()
        if before.get(name) != version
    ]
