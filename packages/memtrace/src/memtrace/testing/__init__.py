"""Fakes for tests and dry runs of memory systems: shipped, because users need them too."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.testing.big import big_trace
    from memtrace.testing.chaos import random_intervention
    from memtrace.testing.reader import perfect_reader
    from memtrace.testing.rules import Rule, RuleModel, answer_rule, rule_model
    from memtrace.testing.rules_mem0 import mem0_rules

__all__ = [
    "Rule",
    "RuleModel",
    "answer_rule",
    "big_trace",
    "mem0_rules",
    "perfect_reader",
    "random_intervention",
    "rule_model",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "big_trace": "memtrace.testing.big",
        "mem0_rules": "memtrace.testing.rules_mem0",
        "perfect_reader": "memtrace.testing.reader",
        "random_intervention": "memtrace.testing.chaos",
        **dict.fromkeys(
            ("Rule", "RuleModel", "answer_rule", "rule_model"), "memtrace.testing.rules"
        ),
    },
)
