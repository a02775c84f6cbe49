"""Labelling: responses whose deciding characters are known, for a discriminator to learn from.

`RuleMade` makes them without end from program checks; `Split` divides a set, `Distribution` counts
what is in it.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.labelling.distribution import Distribution
    from rtt.labelling.rules import Case, Given, RuleMade, label_case, rule_kinds
    from rtt.labelling.split import Divided, Split, is_held_out_kind

__all__ = [
    "Case", "Distribution", "Divided", "Given", "RuleMade", "Split", "is_held_out_kind",
    "label_case", "rule_kinds",
]  # fmt: skip

_ROOMS = {
    "distribution": ("Distribution",),
    "rules": ("Case", "Given", "RuleMade", "label_case", "rule_kinds"),
    "split": ("Divided", "Split", "is_held_out_kind"),
}

__getattr__, __dir__ = lazy_exports(
    __name__, {name: f"rtt.labelling.{room}" for room, names in _ROOMS.items() for name in names}
)
