"""Plain-Python loops for every credit scheme: the independent reference of the tests."""

from __future__ import annotations

from math import exp, sqrt

Grid = list[list[list[float]]]
Rows = list[list[float]]
EPS = 1e-6


def standard(values: list[float], correction: int = 0) -> list[float]:
    n = len(values)
    if n <= 1 or max(values) == min(values):
        return [0.0] * n
    mu = sum(values) / n
    sigma = sqrt(sum((v - mu) ** 2 for v in values) / (n - correction))
    return [(v - mu) / (sigma + EPS) for v in values]


def intra(p: Grid, s: Rows, m: Rows, on: Rows) -> Rows:
    out = [[0.0] * len(m[0]) for _ in m]
    for b, row in enumerate(p):
        ticks = [t for t, keep in enumerate(m[b]) if keep]
        ks = [k for k in range(len(row)) if on[b][k]]
        for k in ks:
            for t, v in zip(ticks, standard([s[b][k] * row[k][t] for t in ticks]), strict=True):
                out[b][t] += v / len(ks)
    return out


def inter(p: Grid, s: Rows, m: Rows, on: Rows, size: int) -> Rows:
    out = [[0.0] * len(m[0]) for _ in m]
    for first in range(0, len(p), size):
        rows = range(first, first + size)
        for k in range(len(p[0])):
            pool = [(b, t) for b in rows if on[b][k] for t, keep in enumerate(m[b]) if keep]
            normed = standard([s[b][k] * p[b][k][t] for b, t in pool])
            for (b, t), v in zip(pool, normed, strict=True):
                out[b][t] += v / sum(map(bool, on[b]))
    return out


def mean_group(p: Grid, s: Rows, m: Rows, on: Rows, size: int) -> Rows:
    out = [[0.0] * len(m[0]) for _ in m]
    for first in range(0, len(p), size):
        rows = [b for b in range(first, first + size) if any(on[b])]
        pool = [(b, t) for b in rows for t, keep in enumerate(m[b]) if keep]
        means = []
        for b, t in pool:
            ks = [k for k in range(len(p[b])) if on[b][k]]
            means.append(sum(s[b][k] * p[b][k][t] for k in ks) / len(ks))
        for (b, t), v in zip(pool, standard(means), strict=True):
            out[b][t] = v
    return out


def softmax(p: Grid, s: Rows, m: Rows, on: Rows, size: int) -> Rows:
    out = [[0.0] * len(m[0]) for _ in m]
    adv = [[0.0] * len(p[0]) for _ in p]
    for first in range(0, len(p), size):
        for k in range(len(p[0])):
            rows = [b for b in range(first, first + size) if on[b][k]]
            for b, v in zip(rows, standard([s[b][k] for b in rows], 1), strict=True):
                adv[b][k] = v
    for b in range(len(p)):
        for t, keep in enumerate(m[b]):
            if keep:
                weights = {k: exp(p[b][k][t]) for k in range(len(p[b])) if on[b][k]}
                total = sum(weights.values())
                out[b][t] = sum(w / total * adv[b][k] for k, w in weights.items())
    return out


def advantages(s: Rows, on: Rows, size: int) -> Rows:
    """Group advantage of each criterion by itself."""
    adv = [[0.0] * len(row) for row in s]
    for first in range(0, len(s), size):
        for k in range(len(s[0])):
            rows = [b for b in range(first, first + size) if on[b][k]]
            for b, v in zip(rows, standard([s[b][k] for b in rows], 1), strict=True):
                adv[b][k] = v
    return adv


def baseline(p: Grid, s: Rows, m: Rows, on: Rows, size: int) -> Rows:
    out = [[0.0] * len(m[0]) for _ in m]
    adv = advantages(s, on, size)
    for b, row in enumerate(p):
        ticks = [t for t, keep in enumerate(m[b]) if keep]
        ks = [k for k in range(len(row)) if on[b][k]]
        for k in ks:
            for t, v in zip(ticks, standard([row[k][t] for t in ticks]), strict=True):
                out[b][t] += adv[b][k] * v / len(ks)
    return out


def laid_on(p: Grid, s: Rows, m: Rows, on: Rows, size: int) -> Rows:
    """Group advantages times relevance over its mean in the response."""
    out = [[0.0] * len(m[0]) for _ in m]
    adv = advantages(s, on, size)
    for b, row in enumerate(p):
        ticks = [t for t, keep in enumerate(m[b]) if keep]
        ks = [k for k in range(len(row)) if on[b][k]]
        for k in ks:
            total = sum(row[k][t] for t in ticks)
            for t in ticks:
                share = row[k][t] * len(ticks) / total if total else 0.0
                out[b][t] += adv[b][k] * share / len(ks)
    return out
