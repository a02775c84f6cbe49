"""One EverOS in a folder, put into the process whenever it is used.

EverOS keeps its state in module globals: one root folder a process. Everything it remembers is in
that folder, so several memories share a process by taking turns: the one that is used is
*mounted* (its folder opened, its clients and hooks in place), the one before it is *parked* (its
files closed, every replaced name put back). That takes about 50 ms. All of it runs on one event
loop in one thread, and only while somebody waits for it: nothing of EverOS goes on in between.

EverOS's scheduler and file watcher are left out: what they would start some time later is done
in order, before the call that caused it returns (`settle`). So the race in which a profile
looked for an episode that the index did not have yet cannot happen.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lmcommon.errors import UserError
from memtrace.memory.everos.clients import (
    ApproximateTokenizer,
    CosineReranker,
    EmbedderProvider,
    ModelClient,
)
from memtrace.memory.everos.package import module, quiet
from memtrace.memory.everos.patches import Patches
from memtrace.memory.types import BrokenMemoryError

if TYPE_CHECKING:
    from memtrace.memory.everos.settings import EverosSettings

__all__ = ["Engine", "Installed"]

T = TypeVar("T")

_ROOT = "EVEROS_ROOT"
_SINGLETONS = {
    "everos.service.memorize": (
        "_episode_writer", "_prompt_loader", "_user_pipeline", "_agent_pipeline", "_ome_engine",
    ),
    "everos.service.search": ("_manager",),
    "everos.memory.strategies.extract_atomic_facts": ("_writer",),
    "everos.memory.strategies.extract_user_profile": ("_writer", "_reader"),
}  # fmt: skip


class Installed(Protocol):
    """Hooks: what watches the engine while it is mounted."""

    def install(self, patches: Patches) -> None:
        """Replace names, each through `patches`."""
        ...

    def gave_up(self, record: Any) -> None:
        """A background strategy failed for good."""
        ...


class _Home:
    """The process's one place for EverOS."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="everos")
        self.mounted: Engine | None = None

    def run(self, engine: Engine, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run something with this engine mounted, in the caller's context."""
        with self._lock:
            if self.mounted is not engine:
                self.park(self.mounted)
                self._run(engine.mount)
                self.mounted = engine
            return self._run(work)

    def park(self, engine: Engine | None) -> None:
        """Close an engine's files, if it is the one that is mounted."""
        if engine is None or self.mounted is not engine:
            return  # without the lock: the garbage collector may come here from any thread
        with self._lock:
            if self.mounted is engine:
                self.mounted = None
                self._run(engine.unmount)

    def _run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        context = contextvars.copy_context()
        return self._thread.submit(context.run, self._in_thread, work).result()

    def _in_thread(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # EverOS's database has threads that the interpreter would wait for at its end, for
            # ever; so they must be gone before it waits. The thread pools of the standard library
            # end the same way.
            at_end = getattr(threading, "_register_atexit", atexit.register)
            at_end(lambda: self.park(self.mounted))
        return self._loop.run_until_complete(work())


_HOME = _Home()


class Engine:
    """EverOS over one folder.

    Args:
        root: The folder; made if it is not there.
        settings: What EverOS is told.
        client: Its language model.
        provider: Its embedder.
        reranker: Its reranker.
        hooks: What watches it.
    """

    def __init__(
        self, root: Path, settings: EverosSettings, *, client: ModelClient,
        provider: EmbedderProvider, reranker: CosineReranker, hooks: Installed,
    ) -> None:  # fmt: skip
        self.root, self._settings = root, settings
        self._client, self._provider, self._reranker = client, provider, reranker
        self._hooks = hooks
        self._patches = Patches()
        self._waiting: deque[tuple[Any, Any, str]] = deque()
        self._before: dict[str, str] = {}
        self._ome: Any = None
        self._cascade: Any = None
        self.unusable: dict[Any, int] = {}
        """What EverOS counts of replies it could not use, by session; not in its folder."""

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine of EverOS to its end, with this engine mounted."""
        return _HOME.run(self, work)

    def park(self) -> None:
        """Close the files. The next `run` opens them again."""
        _HOME.park(self)

    def remove(self) -> None:
        """Park, and delete the folder."""
        self.park()
        shutil.rmtree(self.root, ignore_errors=True)

    async def settle(self) -> None:
        """Do, in order, what EverOS would have done in the background."""
        while self._waiting:
            meta, event, run_id = self._waiting.popleft()
            retries = meta.max_retries if meta.max_retries is not None else 0
            await self._ome._runner.run(meta, event, run_id=run_id, max_retries_snapshot=retries)

    async def index(self) -> None:
        """Bring the index up to date with the files.

        Raises:
            BrokenMemoryError: A file cannot be indexed.
        """
        await self._cascade._scanner.scan_once()
        while await self._cascade._worker.drain_once():
            pass
        queue = await self._cascade.queue_summary()
        if queue.failed_permanent or queue.failed_retryable:
            raise BrokenMemoryError(f"everos: files in {self.root} could not be indexed: {queue}")

    # Mounting -------------------------------------------------------------------------------

    async def mount(self) -> None:
        """Open the folder and put clients and hooks in place.

        Raises:
            UserError: An EverOS app of somebody else's runs in this process.
        """
        running = module("everos.service.memorize")._ome_engine
        if running is not None and running._started:
            raise UserError(
                "everos: expected no other EverOS app in this process, which keeps its state in "
                "module globals; end it, or use memory.isolation=always"
            )
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "ome.toml").touch()
        (self.root / "everos.toml").write_text(self._settings.toml(self._provider.dim), "utf-8")
        try:
            with quiet():
                self._configure()
                await self._open()
                self._hooks.install(self._patches)
        except BaseException:
            await self.unmount()
            raise

    def _configure(self) -> None:
        patches = self._patches
        self._before = {name: os.environ[name] for name in os.environ if name.startswith("EVEROS_")}
        for name in self._before:  # the folder's file alone says how EverOS is set up
            del os.environ[name]
        os.environ[_ROOT] = str(self.root)
        module("everos.config.settings").load_settings.cache_clear()
        module("everos.component.utils.datetime")._display_tz.cache_clear()
        for home, names in _SINGLETONS.items():
            for name in names:
                patches.set(module(home), name, None)
        llm = module("everos.component.llm.client")
        patches.set(llm, "_llm_client", self._client)
        patches.set(llm, "_decider_client", self._client)
        embedding, rerank = "everos.component.embedding", "everos.component.rerank"
        patches.set(
            module(f"{embedding}.accessor"), "_capability",
            module(f"{embedding}.capability").EmbeddingCapability(provider=self._provider),
        )  # fmt: skip
        patches.set(
            module(f"{rerank}.accessor"), "_capability",
            module(f"{rerank}.capability").RerankCapability(provider=self._reranker),
        )  # fmt: skip
        patches.set(module("everalgo._tokenize"), "_tokenizer_cache", ApproximateTokenizer())
        pipeline = module("everos.memory.extract.pipeline.user_memory")
        patches.set(pipeline, "_EXTRACT_RETRY_BACKOFF", 0.0)
        patches.set(module("everos.service._boundary"), "_unusable_replies", self.unusable)
        patches.set(module("everos.service._session_lock"), "_session_locks", {})
        patches.set(module("everos.memory._partition_locks"), "_pools", {})

    async def _open(self) -> None:
        sqlite = module("everos.infra.persistence.sqlite")
        async with sqlite.get_engine().begin() as connection:
            await connection.run_sync(module("sqlmodel").SQLModel.metadata.create_all)
        index = module("everos.infra.persistence.index")
        await index.connect()
        await index.verify_business_schemas()
        await index.ensure_business_indexes()
        self._ome = await self._started_ome()
        root = module("everos.core.persistence").MemoryRoot.resolve()
        self._cascade = module("everos.memory.cascade").CascadeOrchestrator(
            memory_root=root, tokenizer=module("everos.component.tokenizer").build_tokenizer()
        )
        # Compaction would run at a time of its own, and with it the scores of words would change.
        self._cascade._worker._schedule_optimize = lambda kind: None

    async def _started_ome(self) -> Any:
        """EverOS's engine of background strategies; it queues here instead of scheduling."""
        root = module("everos.core.persistence").MemoryRoot.resolve()
        root.ome_db.parent.mkdir(parents=True, exist_ok=True)
        ome = module("everos.infra.ome.engine").OfflineEngine(
            config=module("everos.infra.ome.config").OMEConfig(
                jobstore_path=root.ome_db, config_path=root.ome_config, config_watch=False,
                crash_recovery_enabled=False, retry_backoff_base_seconds=0.0,
                retry_jitter_seconds=0.0,
            )
        )  # fmt: skip
        memorize = module("everos.service.memorize")
        for strategy in (*memorize._STRATEGIES_ALWAYS, *memorize._STRATEGIES_REQUIRE_EMBED):
            ome.register(strategy)
        memorize._ome_engine = ome
        ome.on_dead_letter(self._hooks.gave_up)
        await ome.start()
        ome._scheduler.remove_all_jobs()
        ome._enqueue_run = lambda meta, event, run_id: self._waiting.append((meta, event, run_id))
        return ome

    async def unmount(self) -> None:
        """Close the folder and put everything back as it was."""
        self._waiting.clear()
        try:
            if self._ome is not None:
                await self._ome.stop()
            await module("everos.infra.persistence.index").shutdown()
            await module("everos.infra.persistence.sqlite").dispose_engine()
        finally:
            self._ome = self._cascade = None
            self._patches.undo()
            os.environ.pop(_ROOT, None)
            os.environ.update(self._before)
            self._before = {}
            module("everos.config.settings").load_settings.cache_clear()
            module("everos.component.utils.datetime")._display_tz.cache_clear()
