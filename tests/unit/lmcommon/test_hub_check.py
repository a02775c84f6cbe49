"""A hub that cannot be reached is said at once, and only when it is needed."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from lmcommon.errors import UserError
from lmcommon.hub import check_hub

hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub (lmcommon[hf])")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def refuse(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


@pytest.mark.usefixtures("no_network")
def test_an_unreachable_hub_is_named_with_what_to_give_instead() -> None:
    with pytest.raises(UserError, match=r"'org/model' is neither here.*expected a folder"):
        check_hub("org/model", kind="model", expected="a folder")


def test_what_is_here_needs_no_hub(no_network: Path) -> None:
    (no_network / "models--org--model").mkdir()
    check_hub("org/model", kind="model", expected="a folder")
    check_hub(str(no_network), kind="model", expected="a folder")


def test_a_proxy_resolves_names_itself(no_network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    check_hub("org/model", kind="model", expected="a folder")
