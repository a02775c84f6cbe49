"""What must not reach the disk does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

import memtrace
from memtrace.graph.recording.redact import mask_secrets, to_json


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcDEF123456789",
        "sk-ant-api03-abcdefghijkl",
        "hf_abcdefghijklmnopqrst",
        "ghp_abcdefghijklmnopqrstuv",
        "AIzaSyA1234567890abcdefghijk",
        "xoxb-1234567890-abcdef",
        "sk-or-v1-0123456789abcdef0123",
        "sk_live_abcdefghij1234567890",
        "whsec_abcdefghij1234567890",
        "gsk_abcdefghijklmnopqrst1234",
        "xai-abcdefghijklmnop1234567",
        "pplx-abcdefghijklmnop1234567",
        "tvly-dev-abcdefghijklmnop1234",
        "nvapi-abcdefghijklmnop12345",
        "lsv2_pt_0123456789abcdef0123_ab",
        "r8_abcdefghijklmnopqrstuvwx",
        "npm_abcdefghijklmnopqrst1234",
        "pypi-AgEIcHlwaS5vcmcabcdef12",
        "glpat-abcdefghij1234567890",
        "github_pat_abcdefghij1234567890",
        "AKIAABCDEFGHIJKLMNOP",
        "ASIAABCDEFGHIJKLMNOP",
        "ya29.abcdefghijklmnop_qrst",
        "SG.abcdefghijklmnop.abcdefghijklmnop",
        "dapi0123456789abcdef0123456789abcdef",
        "12345678:AAabcdefghijklmnopqrstuvwxyz01234",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF-123_x",
    ],
)
def test_secrets_are_masked_in_parameters_errors_and_metadata(secret: str, tmp_path: Path) -> None:
    with (
        memtrace.record(tmp_path / "trace.db", metadata={"key": secret}),
        pytest.raises(RuntimeError),
        memtrace.step("s", parameters={"x": {"y": [secret]}}, metadata={"z": secret}),
    ):
        raise RuntimeError(f"Incorrect key {secret}, see the manual")
    assert secret.encode() not in on_disk(tmp_path)
    assert b"Incorrect key [secret]" in on_disk(tmp_path)


@pytest.mark.parametrize(
    "key", ["api_key", "API-KEY", "openai_api_key", "Authorization", "password", "client_secret"]
)
def test_what_a_secret_key_holds_is_masked(key: str, tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "trace.db"), memtrace.step("s", parameters={key: "hunter2"}):
        pass
    assert b"hunter2" not in on_disk(tmp_path)


def test_a_bearer_token_is_masked_and_the_rest_stays() -> None:
    assert mask_secrets("Authorization: Bearer abcdef123456 ok") == (
        "Authorization: Bearer [secret] ok"
    )


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens is 5",
        "task-based work",
        "the bearer of this",
        "risk-averse people",
        "sk-learn",
        "sk-learn-contrib-extensions",
        "pip install sk-learn",
        "basic information",
        "Bearer certificates are rare",
        "hf_hub_download",
        "the password: please enter it",
        'He said: "the secret: keep it"',
        "a key = a value",
        "https://host:8080/path@x",
        "op-12 var-13 chunk-00000000000001",
        "6f1a3c5e-9b7d-4f21-8c0e-1a2b3c4d5e6f",
    ],
)
def test_plain_text_is_not_masked(text: str) -> None:
    assert mask_secrets(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"api_key": "hunter2", "n": 1}', '{"api_key": "[secret]", "n": 1}'),
        (r"{\"password\": \"a b\"}", r"{\"password\": \"[secret]\"}"),
        ("{'client_secret': 'x'}", "{'client_secret': '[secret]'}"),
        ("OPENAI_API_KEY=hunter2 run", "OPENAI_API_KEY=[secret] run"),
        ("https://h/x?api_key=hunter2&n=1", "https://h/x?api_key=[secret]&n=1"),
        ("postgres://me:hunter2@host/db", "postgres://me:[secret]@host/db"),
        ("-----BEGIN PRIVATE KEY-----\nAbC\n-----END PRIVATE KEY----- ok", "[secret] ok"),
    ],
)
def test_what_a_telling_key_holds_inside_a_text_is_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


def test_masking_twice_changes_nothing_more() -> None:
    once = mask_secrets('{"api_key": "hunter2"} password=hunter2 Bearer abc12345678')
    assert mask_secrets(once) == once


def test_parameters_that_are_no_secrets_stay(tmp_path: Path) -> None:
    parameters = {"max_tokens": 5, "token_limit": "9", "top_k": None, "keys": ["a"]}
    with memtrace.record(tmp_path / "t.db"), memtrace.step("s", parameters=parameters):
        pass
    with memtrace.open(tmp_path / "t.db") as trace:
        assert next(trace.operations()).parameters == parameters


def test_the_hook_sees_every_text_before_the_disk(tmp_path: Path) -> None:
    def redact(text: str) -> str:
        return text.replace("Ana", "[name]")

    def fail(turn: memtrace.Handle[Any]) -> None:
        step = memtrace.step("s", inputs={"t": turn}, parameters={"p": "Ana"}, prompt="Ana?")
        with step as op:
            op.output("out", "Ana")
            op.no_op("Ana")
            raise ValueError("Ana")

    with memtrace.record(tmp_path / "t.db", redact=redact, metadata={"who": "Ana"}):
        turn = memtrace.variable({"by Ana": ["Ana", ("Ana", b"Ana")]}, metadata={"m": "Ana"})
        with pytest.raises(ValueError, match="Ana"):
            fail(turn)
    assert turn.value["by Ana"][0] == "Ana"
    assert b"Ana" not in on_disk(tmp_path)
    with memtrace.open(tmp_path / "t.db") as trace:
        assert trace.value(turn.id or "") == {"by [name]": ["[name]", ("[name]", b"[name]")]}


def test_without_a_hook_values_are_kept_as_they_are(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        handle = memtrace.variable("my key is sk-abcdefghijklm")
    with memtrace.open(tmp_path / "t.db") as trace:
        assert trace.value(handle.id or "") == "my key is sk-abcdefghijklm"


def test_parameters_that_are_not_json_are_refused(tmp_path: Path) -> None:
    with (
        memtrace.record(tmp_path / "t.db"),
        pytest.raises(TypeError, match="parameters of 's'"),
        memtrace.step("s", parameters={"x": object()}),
    ):
        pass


def test_a_dotted_key_is_masked() -> None:
    written = to_json({"http.header.authorization": "plain-words-9"}, "parameters", None)
    assert written == '{"http.header.authorization":"[secret]"}'


def test_a_named_tuple_is_redacted(tmp_path: Path) -> None:
    class Pair(NamedTuple):
        a: str
        b: str

    with memtrace.record(tmp_path / "t.db", redact=str.upper):
        pair = memtrace.variable(Pair("x", "y"))
    with memtrace.open(tmp_path / "t.db") as trace:
        assert trace.value(str(pair.id)) == ("X", "Y")
