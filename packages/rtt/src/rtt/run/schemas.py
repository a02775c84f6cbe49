"""The option groups that the verbs of rtt share: `task`, `policy`, `credit`, `engine`."""

from __future__ import annotations

from typing import get_args

from rtt.policy.tiny import TinyPolicy
from rtt.tasks.words import WordsTask
from rtt.train.advantage import Credit
from rtt.train.local.engine import LocalEngine
from rtt.train.schemes import Scheme

__all__ = ["GROUPS"]

GROUPS: dict[str, dict[str, type]] = {
    "task": {"words": WordsTask},
    "policy": {"tiny": TinyPolicy},
    "credit": dict.fromkeys(get_args(Scheme), Credit),
    "engine": {"local": LocalEngine},
}
