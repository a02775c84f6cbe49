"""A whole optimisation: what to improve is recorded or read, improved, measured, written down."""

from memtrace.run.optimizing.optimized import Optimized
from memtrace.run.optimizing.plan import Plan
from memtrace.run.optimizing.python import optimize

__all__ = ["Optimized", "Plan", "optimize"]
