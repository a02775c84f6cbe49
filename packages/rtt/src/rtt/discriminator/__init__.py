"""The discriminator: which tokens of a response decide a criterion, learned from labelled spans.

`loss` is the training loss, `labels` turns annotations into token labels, `TokenDiscriminator` is
the model; `train` trains one through `transformers`, `fit` a small one in this process,
`TinyDiscriminator` makes one on the spot; `measure` says how good one is.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.discriminator import labels
    from rtt.discriminator.calibration import calibration_error, fit_temperature
    from rtt.discriminator.encoding import Asked
    from rtt.discriminator.examples import LabelledResponse, read_examples, write_examples
    from rtt.discriminator.measures import Figures, Measures, measure
    from rtt.discriminator.model import TokenDiscriminator
    from rtt.discriminator.objective import loss
    from rtt.discriminator.ranking import auroc, average_precision
    from rtt.discriminator.settings import TrainSettings
    from rtt.discriminator.tiny import TinyDiscriminator
    from rtt.discriminator.trainer import Trained, train
    from rtt.discriminator.training import FitSettings, fit, span_examples

__all__ = [
    "Asked", "Figures", "FitSettings", "LabelledResponse", "Measures", "TinyDiscriminator",
    "TokenDiscriminator", "TrainSettings", "Trained", "auroc", "average_precision",
    "calibration_error", "fit", "fit_temperature", "labels", "loss", "measure", "read_examples",
    "span_examples", "train", "write_examples",
]  # fmt: skip

_ROOMS = {
    "calibration": ("calibration_error", "fit_temperature"),
    "encoding": ("Asked",),
    "examples": ("LabelledResponse", "read_examples", "write_examples"),
    "measures": ("Figures", "Measures", "measure"),
    "model": ("TokenDiscriminator",),
    "objective": ("loss",),
    "ranking": ("auroc", "average_precision"),
    "settings": ("TrainSettings",),
    "tiny": ("TinyDiscriminator",),
    "trainer": ("Trained", "train"),
    "training": ("FitSettings", "fit", "span_examples"),
}

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "labels": "rtt.discriminator.labels",
        **{name: f"rtt.discriminator.{room}" for room, names in _ROOMS.items() for name in names},
    },
)
