"""What EverOS is told, and how the engine around it works: the numbers of one memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ADD_BY", "OWNERS", "RETRIEVALS", "EverosSettings"]

RETRIEVALS = ("keyword", "vector", "hybrid", "agentic")
ADD_BY = ("message", "session")
OWNERS = ("conversation", "speaker")


@dataclass(frozen=True, slots=True, kw_only=True)
class EverosSettings:
    """Example: `EverosSettings(retrieval="agentic", top_k=5)`."""

    retrieval: str = "hybrid"
    top_k: int = 10
    add_by: str = "message"
    owner: str = "conversation"
    defer_extraction: bool = False
    include_profile: bool = True
    context_tokens: int = 2048
    max_extraction_tokens: int = 4096
    cluster_threshold: float = 0.65
    cluster_days: float = 7.0
    boundary_tokens: int = 65536
    boundary_messages: int = 500

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def toml(self, width: int) -> str:
        """EverOS's own configuration file."""
        return "\n".join(
            [
                "[memory]", 'timezone = "UTC"', "[memorize]", 'mode = "chat"',
                "[embedding]", f"dim = {width}",
                "[clustering]", f"threshold = {self.cluster_threshold}",
                f"time_window_days = {self.cluster_days}",
                "[boundary_detection]", f"hard_token_limit = {self.boundary_tokens}",
                f"hard_msg_limit = {self.boundary_messages}", "",
            ]
        )  # fmt: skip
