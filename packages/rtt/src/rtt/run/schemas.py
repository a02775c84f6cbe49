"""The option groups that the verbs of rtt share."""

from __future__ import annotations

from typing import get_args

from lmcommon.llm.config import LLM_SCHEMAS
from rtt.engine.settings import SAMPLER_SCHEMAS
from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import TinyPolicy
from rtt.relevance.config import RELEVANCE_SCHEMAS
from rtt.run.trl_engine import TrlEngine
from rtt.run.verl_engine import VerlEngine
from rtt.tasks.rubrics import RubricsTask
from rtt.tasks.words import WordsTask
from rtt.train.advantage import Credit
from rtt.train.local.engine import LocalEngine
from rtt.train.schemes import Scheme
from rtt.verdicts.config import VERDICT_SCHEMAS

__all__ = ["GROUPS"]

GROUPS: dict[str, dict[str, type]] = {
    "task": {"words": WordsTask, "rubrics": RubricsTask},
    "policy": {"tiny": TinyPolicy, "pretrained": PretrainedPolicy},
    "credit": dict.fromkeys(get_args(Scheme), Credit),
    "relevance": dict(RELEVANCE_SCHEMAS),
    "verdicts": dict(VERDICT_SCHEMAS),
    "llm": dict(LLM_SCHEMAS),
    "sampler": dict(SAMPLER_SCHEMAS),
    "engine": {"local": LocalEngine, "trl": TrlEngine, "verl": VerlEngine},
}
