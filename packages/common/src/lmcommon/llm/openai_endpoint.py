"""One OpenAI-compatible endpoint: its address, its key, and JSON over the official SDK.

The key comes from an environment variable and is never stored, shown or logged: texts that come
back from the endpoint have it blotted out.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from lmcommon.errors import UserError
from lmcommon.llm.openai_wire import CallError, status_error
from lmcommon.llm.pacing import retry_after_s

__all__ = ["Connection", "Endpoint"]

_CONNECT_S = 10.0


class Endpoint:
    """Where to call.

    Args:
        base_url: Such as `https://api.openai.com/v1` or `http://127.0.0.1:8000/v1`.
        api_key_env: Environment variable that holds the key; None: the endpoint needs none. An
            unset variable is an error unless the endpoint is on this machine.

    Raises:
        UserError: Not an http(s) address.
    """

    def __init__(self, base_url: str, api_key_env: str | None) -> None:
        try:
            parts = urlsplit(base_url)
            port = parts.port
        except ValueError as error:  # brackets that do not match, a port that is no number
            raise _bad_address(base_url) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _bad_address(base_url)
        self._base_url = base_url.rstrip("/")
        self._api_key_env = api_key_env
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        place = host if port is None else f"{host}:{port}"
        self.shown_url = urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))
        """The address without user name, password and query."""
        self.root_url = self._base_url.removesuffix("/v1")
        self.is_local = parts.hostname in ("localhost", "::1") or parts.hostname.startswith("127.")

    def key(self) -> str | None:
        """The key, read from the environment now.

        Raises:
            UserError: The variable is unset and the endpoint is on another machine.
        """
        if self._api_key_env is None:
            return None
        key = os.environ.get(self._api_key_env, "").strip()
        if not key and not self.is_local:
            raise UserError(
                f"api_key_env: expected a key in the environment variable {self._api_key_env} "
                f"for {self.shown_url}, which is unset; export it, or set api_key_env=null if the "
                "endpoint needs none"
            )
        return key or None

    def explain(self, error: CallError) -> UserError:
        """The `UserError` for an endpoint that cannot be used at all."""
        if error.status in (401, 403):
            todo = f"check the key in the environment variable {self._api_key_env}"
        else:
            todo = "start the server, or set base_url to a running one"
        return UserError(
            f"base_url: expected an OpenAI-compatible server at {self.shown_url}, "
            f"got: {error}; {todo}"
        )


class Connection:
    """The SDK's client for an endpoint. Belongs to the event loop it is first used on."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

        self._key = endpoint.key()
        self._timeout_s = timeout_s
        timeout = Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
        # A proxy of the environment is not asked for a server on this machine.
        http = DefaultAsyncHttpxClient(timeout=timeout, trust_env=not endpoint.is_local)
        self._client = AsyncOpenAI(
            api_key=self._key or "none",
            base_url=endpoint._base_url,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        )

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON, return JSON.

        Args:
            path: Below the base URL, or an absolute URL.
            body: The JSON object to send.

        Raises:
            CallError: Whatever went wrong, with the key blotted out.
        """
        return await self._call(self._client.post(path, cast_to=object, body=dict(body)))

    async def get(self, path: str) -> Any:
        """`post` for GET."""
        return await self._call(self._client.get(path, cast_to=object))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _call(self, sending: Any) -> Any:
        import openai

        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await sending
        except (openai.APITimeoutError, TimeoutError) as error:
            message = f"no reply within {self._timeout_s:g} s"
            raise CallError("timeout", message, is_retryable=True) from error
        except openai.APIStatusError as error:
            wait_s = retry_after_s(error.response.headers)
            named = status_error(error.status_code, self._blot(error.body), wait_s)
            raise named from error
        except openai.APIConnectionError as error:
            message = self._blot_text(f"connection failed: {error.__cause__ or error}")
            raise CallError("connection", message, is_retryable=True) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CallError(
                "server", f"the reply is not JSON ({error})", is_retryable=True
            ) from error
        if isinstance(reply, str):
            shown = self._blot_text(reply[:200])
            raise CallError("server", f"the reply is not JSON: {shown!r}", is_retryable=True)
        return reply

    def _blot(self, body: object) -> Any:
        """The key blotted out of every text of an error body; numbers and null stay."""
        if isinstance(body, str):
            return self._blot_text(body)
        if isinstance(body, Mapping):
            return {key: self._blot(value) for key, value in body.items()}
        if isinstance(body, list):
            return [self._blot(value) for value in body]
        return body

    def _blot_text(self, text: str) -> str:
        return text if self._key is None else text.replace(self._key, "***")


def _bad_address(base_url: str) -> UserError:
    shown = re.sub(r"//[^/@]*@", "//***@", base_url)
    return UserError(
        f"base_url: expected an address such as http://127.0.0.1:8000/v1; got {shown!r}"
    )
