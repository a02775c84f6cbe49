"""The option groups that the verbs of rtt share: `task`, `policy`, `credit`, `engine`."""

from __future__ import annotations

from typing import get_args

from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import TinyPolicy
from rtt.run.trl_engine import TrlEngine
from rtt.tasks.rubrics import RubricsTask
from rtt.tasks.words import WordsTask
from rtt.train.advantage import Credit
from rtt.train.local.engine import LocalEngine
from rtt.train.schemes import Scheme

__all__ = ["GROUPS"]

GROUPS: dict[str, dict[str, type]] = {
    "task": {"words": WordsTask, "rubrics": RubricsTask},
    "policy": {"tiny": TinyPolicy, "pretrained": PretrainedPolicy},
    "credit": dict.fromkeys(get_args(Scheme), Credit),
    "engine": {"local": LocalEngine, "trl": TrlEngine},
}
