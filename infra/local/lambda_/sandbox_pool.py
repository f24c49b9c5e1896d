"""The warm pool: a sandbox per concurrent invocation, kept for the next one until idle too long.

So many are kept in all; one more takes the place of the one that was idle longest.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from moto.awslambda.utils import get_backend

from infra.local.host.settings import LocalSettings
from infra.local.lambda_.code import CodeStore, search_path
from infra.local.lambda_.configuration import FunctionConfiguration
from infra.local.lambda_.function_role import assume_role
from infra.local.lambda_.sandbox import Sandbox

MAX_REAP_SECONDS = 30.0


class SandboxPool:
    """Hands out sandboxes of a function's current configuration; safe to use from any thread."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._directory = settings.state_dir.resolve() / "functions"
        self._code = CodeStore(self._directory, settings.python)
        self._runtime = self._code.runtime_path()
        # A process that was killed leaves its sandboxes' files behind.
        shutil.rmtree(self._directory / "sandboxes", ignore_errors=True)
        self._lock = threading.Lock()
        self._idle: dict[str, list[Sandbox]] = defaultdict(list)
        self._busy: set[Sandbox] = set()
        self._closing = threading.Event()
        self._reaper = threading.Thread(target=self._reap, name="sandbox-reaper", daemon=True)
        self._reaper.start()

    def acquire(self, function: Any, configuration: FunctionConfiguration) -> Sandbox:
        """A warm sandbox of this configuration, or a new one; those of an older one are ended."""
        with self._lock:
            idle = self._idle.pop(configuration.arn, [])
            usable = [s for s in idle if s.configuration == configuration and s.alive]
            stale = [s for s in idle if s not in usable]
            sandbox = usable.pop() if usable else None
            self._idle[configuration.arn] = usable
            if sandbox:
                self._busy.add(sandbox)
        for old in stale:
            old.close()
        return sandbox or self._start(function, configuration)

    def release(self, sandbox: Sandbox, *, reusable: bool) -> None:
        """Give a sandbox back after an invocation, to be kept or ended."""
        with self._lock:
            self._busy.discard(sandbox)
            keep = reusable and not self._closing.is_set()
            if keep:
                self._idle[sandbox.configuration.arn].append(sandbox)
            surplus = self._surplus()
        for old in surplus if keep else [sandbox]:
            old.close()

    def _surplus(self) -> list[Sandbox]:
        """Take those out that were idle longest, beyond what this machine keeps."""
        idle = sorted((s for held in self._idle.values() for s in held), key=lambda s: s.idle_since)
        surplus = idle[: max(0, len(idle) - self._settings.max_idle_sandboxes)]
        for held in self._idle.values():
            held[:] = [s for s in held if s not in surplus]
        return surplus

    def close(self) -> None:
        """End every sandbox; an invocation in one of them fails."""
        with self._lock:
            self._closing.set()
            held = [s for idle in self._idle.values() for s in idle]
            self._idle.clear()
            busy = list(self._busy)
        for sandbox in held:
            sandbox.close()
        for sandbox in busy:
            sandbox.kill()
        self._reaper.join()

    def _start(self, function: Any, configuration: FunctionConfiguration) -> Sandbox:
        session = assume_role(configuration)
        task_root = self._unpacked(function)
        layer_of = get_backend(function.account_id, function.region).layers_versions_by_arn
        layers = [self._unpacked(layer_of(arn)) for arn in configuration.layer_arns]
        environment = (
            self._settings.process_environment(configuration.region)
            | {"TZ": ":UTC"}
            | dict(configuration.environment)
            | configuration.reserved_variables()
            | session.credentials().environment()
            | {
                "LAMBDA_RUNTIME_DIR": str(self._runtime),
                "LAMBDA_TASK_ROOT": str(task_root),
                "PYTHONPATH": search_path(task_root, layers, self._runtime),
            }
        )
        with self._lock:
            if self._closing.is_set():
                raise RuntimeError("The embedded cloud is shutting down.")
            sandbox = Sandbox(
                configuration,
                python=self._settings.python,
                host=self._settings.host,
                task_root=task_root,
                environment=environment,
                directory=self._directory / "sandboxes",
            )
            self._busy.add(sandbox)
        return sandbox

    def _unpacked(self, owner: Any) -> Path:
        """Where the package of a function or layer is; it is read the first time only."""
        return self._code.unpack(owner.code_digest, lambda: owner.code_bytes)

    def _reap(self) -> None:
        limit = self._settings.lambda_idle_seconds
        while not self._closing.wait(min(limit / 2, MAX_REAP_SECONDS)):
            oldest = time.monotonic() - limit
            with self._lock:
                expired = [s for held in self._idle.values() for s in held if s.idle_since < oldest]
                for held in self._idle.values():
                    held[:] = [s for s in held if s not in expired]
            for sandbox in expired:
                sandbox.close()
