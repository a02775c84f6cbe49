"""A model-free count of tokens, for budgets that must not depend on a tokenizer.

Words cost one token for every started seven letters, a mark or digit one token, which is close to
what byte-pair tokenizers need for English. A budget kept by this count is approximate: leave a
reserve where the model's own limit is near.
"""

from __future__ import annotations

import re

__all__ = ["approximate_tokens"]

_PIECE = re.compile(r"[^\W\d_]+|\d|[^\w\s]", re.UNICODE)


def approximate_tokens(text: str) -> int:
    """Roughly how many tokens a language model spends on `text`."""
    return sum(1 + (len(piece) - 1) // 7 for piece in _PIECE.findall(text))
