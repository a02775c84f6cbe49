"""Between text and token ids: the chat template, the boundary of a continuation, token texts.

In: a `transformers` tokenizer. Out: prompt ids as generation sees them, continuation ids as
generation would have produced them, and for every generated token the piece of text it adds, so
that the pieces joined are the decoded text (a character split over two tokens belongs to the
second).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from lmcommon.errors import UserError
from lmcommon.llm.types import Message, ScoreRequest

__all__ = ["ChatTokens"]

_BROKEN = "�"


class ChatTokens:
    """A tokenizer with a chat template. Works with any fast `transformers` tokenizer."""

    def __init__(self, tokenizer: Any, *, model: str) -> None:
        self._tokenizer = tokenizer
        self._model = model

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a conversation, up to where the assistant starts to write.

        Raises:
            UserError: The tokenizer has no chat template.
            ValueError: The template refuses these messages (some allow no system role).
        """
        return self._encode(self._render(messages))

    def scored(self, request: ScoreRequest) -> tuple[list[int], list[int]]:
        """Ids of the context (never empty) and of the tokens to score.

        With messages, the context is exactly the prompt of a generation, and the continuation is
        cut into the tokens it has after that prompt. Without messages, the context is the BOS
        token; a tokenizer that has none makes the first token the context, and it stays unscored.
        """
        if not request.messages:
            ids = self._encode(request.continuation)
            bos = self._tokenizer.bos_token_id
            return ([bos], ids) if bos is not None else (ids[:1], ids[1:])
        text = self._render(request.messages)
        context = self._encode(text)
        whole = self._encode(text + request.continuation)
        if whole[: len(context)] == context:
            return context, whole[len(context) :]
        return context, self._encode(request.continuation)

    def text(self, ids: Sequence[int]) -> str:
        """Decode, without special tokens."""
        decoded: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return decoded

    def piece(self, token: int) -> str:
        """One token on its own, special or not."""
        decoded: str = self._tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return decoded

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """What each token adds to the text; `"".join(pieces(ids)) == text(ids)`."""
        found: list[str] = []
        start = shown = 0  # text(ids[start:shown]) has been handed out
        for end in range(1, len(ids) + 1):
            before = self.text(ids[start:shown])
            now = self.text(ids[start:end])
            if now.endswith(_BROKEN) and end < len(ids):
                found.append("")
                continue
            found.append(now[len(before) :])
            start, shown = shown, end
        return found

    def pieces_of(self, ids: Sequence[int], length: int | None) -> list[str]:
        """Pieces as far as the first `length` characters reach: a text cut at a stop string."""
        pieces = self.pieces(ids)
        if length is None:
            return pieces
        begins = accumulate((len(piece) for piece in pieces), initial=0)
        return [piece for piece, begin in zip(pieces, begins, strict=False) if begin < length]

    def _render(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        if not self._tokenizer.chat_template:
            raise UserError(
                f"the model {self._model!r} has no chat template: use an instruct model, or put a "
                "chat_template.jinja into its folder"
            )
        from jinja2 import TemplateError

        try:
            text: str = self._tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, tokenize=False
            )
        except TemplateError as error:
            raise ValueError(f"the chat template refuses these messages: {error}") from error
        return text

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
