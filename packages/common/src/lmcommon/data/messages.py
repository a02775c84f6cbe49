"""Conversations as prompts: a list of messages out of a row, checked.

In: a field with a list of `role` and `content`, or the JSON text of one. Out: messages as a chat
template reads them. A prompt made of several has them in `metadata["messages"]` and their
transcript as its text (`lmcommon.data.types`).
"""

from __future__ import annotations

from typing import Any

from lmcommon.data.rows import Row

__all__ = ["as_metadata", "read_messages"]

_ROLES = ("system", "user", "assistant")


def read_messages(row: Row, key: str) -> list[dict[str, str]]:
    """The messages of a field; the last is the user's, whom the response answers.

    Raises:
        DataError: No list of messages, an unknown role, or a last message of someone else.
    """
    messages = []
    for place, one in enumerate(row.unpacked(key).rows(key)):
        role = one.text("role")
        if role not in _ROLES:
            raise row.error(f"expected one of {', '.join(_ROLES)}, got {role!r}",
                            f"{key}[{place}].role")  # fmt: skip
        messages.append({"role": role, "content": one.text("content")})
    if not messages or messages[-1]["role"] != "user":
        last = repr(messages[-1]["role"]) if messages else "none"
        raise row.error(f"expected a last message with the role 'user', got {last}", key)
    return messages


def as_metadata(messages: list[dict[str, str]]) -> dict[str, Any]:
    """What a prompt of these messages keeps of them: nothing if there is one, which is its text."""
    return {"messages": messages} if len(messages) > 1 else {}
