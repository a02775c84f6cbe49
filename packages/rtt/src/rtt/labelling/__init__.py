"""Labelling: responses whose deciding characters are known, for a discriminator to learn from.

`RuleMade` makes them without end from program checks.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.labelling.rules import Case, Given, RuleMade, label_case, rule_kinds

__all__ = ["Case", "Given", "RuleMade", "label_case", "rule_kinds"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    dict.fromkeys(("Case", "Given", "RuleMade", "label_case", "rule_kinds"), "rtt.labelling.rules"),
)
