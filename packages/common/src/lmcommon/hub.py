"""Is the Hugging Face hub there at all? Asked before a load that would retry for a minute.

In: the name of a model or data set that is no local path. Out: nothing, or at once a `UserError`
when it is not in the local hub cache and the hub's name does not resolve.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

from lmcommon.errors import UserError
from lmcommon.extras import require

__all__ = ["check_hub"]


def check_hub(name: str, *, kind: Literal["model", "dataset"], expected: str) -> None:
    """Refuse early what would have to come from a hub that cannot be reached.

    Nothing is sent: only the hub's host name is looked up, and not where a proxy does that.

    Args:
        name: Hub id. An existing path passes.
        kind: What it names.
        expected: What the user may give instead, for the message.

    Raises:
        UserError: It is not cached and the hub is out of reach.
    """
    constants = require("huggingface_hub", extra="lmcommon[hf]").constants
    cached = Path(constants.HF_HUB_CACHE) / f"{kind}s--{name.replace('/', '--')}"
    if Path(name).exists() or cached.is_dir() or constants.HF_HUB_OFFLINE or getproxies():
        return
    host = urlsplit(constants.ENDPOINT).hostname or ""
    try:
        socket.getaddrinfo(host, 443)
    except OSError as error:
        raise UserError(
            f"{name!r} is neither here nor in the local hub cache, and the hub {host} cannot be "
            f"reached ({error}); expected {expected}"
        ) from error
