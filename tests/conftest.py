"""Fixtures for all suites: the optional data folder, and a guard against the outer network."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Nothing in a test may ask a hub; a machine with more processes than cores must not spin.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the optional public data sets; tests that need it skip without it."""
    folder = Path(os.environ.get("LMCOMMON_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.json").is_file():
        pytest.skip(f"optional data sets not found at {folder}; set LMCOMMON_SHARED_DATA")
    return folder


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            if not (host.startswith("127.") or host in ("::1", "localhost")):
                raise OSError(f"tests may only connect to the loopback; refused {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
