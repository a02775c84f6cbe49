"""Telling what a prompt is for, as anybody does who reads it."""

from __future__ import annotations

import re

from memtrace.faultbench.prompting.types import Job

__all__ = ["job_of"]

_UPDATE = re.compile(
    r"(?:existing|old|a) memor(?:y|ies)[^\n]*\b(?:update|delete|change)|"
    r"\b(?:update|delete|change)\w*\b[^\n]*\bmemor(?:y|ies)|look after a memory|memory manager",
    re.IGNORECASE,
)
_MANY = 400
"""Longer texts without placeholders that decide on memories do it in so many words at the start."""


def job_of(prompt: str) -> Job:
    """The job of a prompt: by its placeholders, else by what it speaks of."""
    if "{candidates}" in prompt:
        return "rerank"
    if "{context}" in prompt:
        return "qa"
    if "{question}" in prompt:
        return "rewrite"
    if "{summary}" in prompt or "{dropped}" in prompt or '"facts"' in prompt:
        return "notes"
    return "update" if _UPDATE.search(prompt[:_MANY]) else "notes"
