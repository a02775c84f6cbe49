"""Labelling: responses whose deciding characters are known, for a discriminator to learn from.

`RuleMade` makes them without end from program checks, `people_examples` takes people's spans,
`Annotator` asks a language model. `minimal_edit` and `Rewriter` make negatives. `Split` divides a
set, `Distribution` counts what is in it.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.labelling.agreement import AnnotatorAgreement, merge_annotations
    from rtt.labelling.annotator import Annotated, Annotator, Unlabelled
    from rtt.labelling.distribution import Distribution
    from rtt.labelling.negatives import Negative, Unmade, label_negative, minimal_edit
    from rtt.labelling.people import people_examples
    from rtt.labelling.rewriting import EditAsked, Rewriter
    from rtt.labelling.rules import Case, GivenText, RuleMade, label_case, rule_kinds
    from rtt.labelling.split import Divided, Split, is_held_out_kind

__all__ = [
    "Annotated", "Annotator", "AnnotatorAgreement", "Case", "Distribution", "Divided", "EditAsked",
    "GivenText", "Negative", "Rewriter", "RuleMade", "Split", "Unlabelled", "Unmade",
    "is_held_out_kind", "label_case", "label_negative", "merge_annotations", "minimal_edit",
    "people_examples", "rule_kinds",
]  # fmt: skip

_ROOMS = {
    "agreement": ("AnnotatorAgreement", "merge_annotations"),
    "annotator": ("Annotated", "Annotator", "Unlabelled"),
    "distribution": ("Distribution",),
    "negatives": ("Negative", "Unmade", "label_negative", "minimal_edit"),
    "people": ("people_examples",),
    "rewriting": ("EditAsked", "Rewriter"),
    "rules": ("Case", "GivenText", "RuleMade", "label_case", "rule_kinds"),
    "split": ("Divided", "Split", "is_held_out_kind"),
}

__getattr__, __dir__ = lazy_exports(
    __name__, {name: f"rtt.labelling.{room}" for room, names in _ROOMS.items() for name in names}
)
