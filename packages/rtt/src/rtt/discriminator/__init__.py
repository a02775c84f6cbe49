"""The discriminator: which tokens of a response decide a criterion, learned from labelled spans.

`loss` is the training loss, `labels` turns annotations into token labels, `TokenDiscriminator` is
the model, `fit` trains a small one, `TinyDiscriminator` makes one on the spot.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.discriminator import labels
    from rtt.discriminator.encoding import Asked
    from rtt.discriminator.examples import LabelledResponse, read_examples, write_examples
    from rtt.discriminator.model import TokenDiscriminator
    from rtt.discriminator.objective import loss
    from rtt.discriminator.tiny import TinyDiscriminator
    from rtt.discriminator.training import (
        FitSettings,
        auroc,
        fit,
        span_examples,
    )

__all__ = [
    "Asked", "FitSettings", "LabelledResponse", "TinyDiscriminator", "TokenDiscriminator", "auroc",
    "fit", "labels", "loss", "read_examples", "span_examples", "write_examples",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "labels": "rtt.discriminator.labels",
        "Asked": "rtt.discriminator.encoding",
        "loss": "rtt.discriminator.objective",
        "TokenDiscriminator": "rtt.discriminator.model",
        "TinyDiscriminator": "rtt.discriminator.tiny",
        **dict.fromkeys(
            ("LabelledResponse", "read_examples", "write_examples"), "rtt.discriminator.examples"
        ),
        **dict.fromkeys(
            ("FitSettings", "auroc", "fit", "span_examples"), "rtt.discriminator.training"
        ),
    },
)
