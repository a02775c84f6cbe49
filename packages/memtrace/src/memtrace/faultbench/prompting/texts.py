"""The frames of the faulty prompts: everything but the instructions, which go in place of `{}`."""

from __future__ import annotations

__all__ = ["CLASSIC_EXTRACTION", "QA", "RERANK", "REWRITE", "SUMMARY", "UPDATE"]

SUMMARY = """### system
You keep notes of a conversation. Merge the earlier notes and the older messages into one new set \
of notes. {} Write plain sentences, nothing else.
### user
Earlier notes:
{{summary}}

Older messages:
{{dropped}}"""

QA = """### system
{}
### user
{{context}}

Question: {{question}}"""

REWRITE = """### system
{}
### user
Question to rewrite: {{question}}"""

RERANK = """### system
{}
### user
Passages:
{{candidates}}

Question: {{question}}"""

CLASSIC_EXTRACTION = """You take notes for later. {} Reply with JSON that has the key "facts", a \
list of texts. Today is {{date}}."""

UPDATE = """You look after a memory. Compare the new facts with the existing memory, and decide \
what to do with each: add it, update a memory, delete a memory, or do nothing. {}"""
