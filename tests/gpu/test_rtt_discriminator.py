"""On CUDA devices: a discriminator says what it says on the CPU, in every precision and place."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from rtt.discriminator import TinyDiscriminator, TokenDiscriminator
from rtt.discriminator.reading import Reader, ReadSettings
from rtt.discriminator.serving import ReaderPool
from rtt.relevance.served import load_reader

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
WORDS = ["amber", "dune", "iris", "jade", "kelp", "birch"]
PAIRS = [
    (f'The word "{word}" occurs.', " ".join(WORDS[: size % 6 + 1] * (size // 2 + 1)), "jade " * 40)
    for word in WORDS[:3]
    for size in range(40)
]


@pytest.fixture(params=["causal", "bidirectional"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    texts = [text for pair in PAIRS for text in pair]
    kind = TinyDiscriminator(context=256, bidirectional=request.param == "bidirectional")
    model = kind.build(texts, seed=0)
    model.tell(reads_question=request.param == "causal")
    model.save(tmp_path)
    return tmp_path


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("fp32", 1e-4), ("fp16", 0.01), ("bf16", 0.05)]
)
def test_a_device_says_what_the_cpu_says(
    folder: Path, precision: str, tolerance: float, compiled: bool
) -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    expected = TokenDiscriminator.load(folder).relevances(PAIRS)
    model = TokenDiscriminator.load(folder, device="cuda")
    settings = ReadSettings(precision=precision, compile=compiled)  # type: ignore[arg-type]
    told = Reader(model, settings).relevances(PAIRS)
    for one, other in zip(told, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


def test_several_devices_share_the_work_and_keep_the_order(folder: Path) -> None:
    expected = TokenDiscriminator.load(folder).relevances(PAIRS)
    count = torch.cuda.device_count()
    devices = [f"cuda:{number % count}" for number in range(max(count, 2))]
    load = partial(load_reader, folder=str(folder), context=None, settings=ReadSettings())
    with closing(ReaderPool(load, devices)) as pool:
        told = pool.relevances(PAIRS)
    for one, other in zip(told, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
