"""The discriminator: which tokens of a response decide a criterion, learned from labelled spans.

`loss` is the training loss, `labels` turns annotations into token labels, `TokenDiscriminator` is
the model, `fit` trains a small one, `TinyDiscriminator` makes one on the spot.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.discriminator import labels
    from rtt.discriminator.model import TokenDiscriminator
    from rtt.discriminator.objective import loss
    from rtt.discriminator.tiny import TinyDiscriminator
    from rtt.discriminator.training import (
        FitSettings,
        LabelledResponse,
        auroc,
        fit,
        span_examples,
    )

__all__ = [
    "FitSettings", "LabelledResponse", "TinyDiscriminator", "TokenDiscriminator", "auroc", "fit",
    "labels", "loss", "span_examples",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "labels": "rtt.discriminator.labels",
        "loss": "rtt.discriminator.objective",
        "TokenDiscriminator": "rtt.discriminator.model",
        "TinyDiscriminator": "rtt.discriminator.tiny",
        **dict.fromkeys(
            ("FitSettings", "LabelledResponse", "auroc", "fit", "span_examples"),
            "rtt.discriminator.training",
        ),
    },
)
