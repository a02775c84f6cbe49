"""The parts of `lmcommon.llm.LocalModel`: tokens, batches, prefixes, decoding, likelihood.

Modules here import torch; `lmcommon.llm.local` imports them when a model is first used.
"""
