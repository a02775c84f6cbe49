"""Language models behind one protocol: remote, local, scripted, cached, metered.

`chat("...")` makes a request, `model.generate([...])` answers a batch. A failed call is a response
with `failure` set. Importing this package is light; a name loads its module on first use.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from lmcommon.llm.base import ChatModel
    from lmcommon.llm.budget import Budget, Meter, Prices
    from lmcommon.llm.cache import CachedModel
    from lmcommon.llm.llamacpp import LlamaCppModel
    from lmcommon.llm.local import LocalModel
    from lmcommon.llm.metered import MeteredModel
    from lmcommon.llm.openai_compatible import OpenAIChat
    from lmcommon.llm.pacing import RetryPolicy
    from lmcommon.llm.scripted import ScriptedModel
    from lmcommon.llm.types import (
        ChatRequest,
        ChatResponse,
        Message,
        ModelFailure,
        Sampling,
        ScoreRequest,
        ScoreResponse,
        TokenLogprob,
        Usage,
        chat,
    )
    from lmcommon.llm.vllm_offline import VllmModel

_MODULES = {
    "lmcommon.llm.base": ["ChatModel"],
    "lmcommon.llm.llamacpp": ["LlamaCppModel"],
    "lmcommon.llm.local": ["LocalModel"],
    "lmcommon.llm.vllm_offline": ["VllmModel"],
    "lmcommon.llm.scripted": ["ScriptedModel"],
    "lmcommon.llm.budget": ["Budget", "Meter", "Prices"],
    "lmcommon.llm.cache": ["CachedModel"],
    "lmcommon.llm.metered": ["MeteredModel"],
    "lmcommon.llm.openai_compatible": ["OpenAIChat"],
    "lmcommon.llm.pacing": ["RetryPolicy"],
    "lmcommon.llm.types": [
        "ChatRequest",
        "ChatResponse",
        "Message",
        "ModelFailure",
        "Sampling",
        "ScoreRequest",
        "ScoreResponse",
        "TokenLogprob",
        "Usage",
        "chat",
    ],
}

__all__ = [
    "Budget",
    "CachedModel",
    "ChatModel",
    "ChatRequest",
    "ChatResponse",
    "LlamaCppModel",
    "LocalModel",
    "Message",
    "Meter",
    "MeteredModel",
    "ModelFailure",
    "OpenAIChat",
    "Prices",
    "RetryPolicy",
    "Sampling",
    "ScoreRequest",
    "ScoreResponse",
    "ScriptedModel",
    "TokenLogprob",
    "Usage",
    "VllmModel",
    "chat",
]

__getattr__, __dir__ = lazy_exports(
    __name__, {name: module for module, names in _MODULES.items() for name in names}
)
