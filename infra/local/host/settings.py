"""Where the embedded cloud lives on this machine and how it runs processes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from infra.local.host.cloud_key import CloudKey

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
"""Of a cloud of which nothing else is said."""


def available_threads() -> int:
    """Hardware threads this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LocalSettings(BaseModel):
    """Everything a seam needs to know about the machine.

    `state_dir` holds the persisted state, logs and working directories of jobs and endpoints.
    `clock_scale` speeds up the scheduler's clock and nothing else, so that a test can see a weekly
    schedule fire.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state_dir: Path = Path(".stratos/local")
    regions: tuple[str, ...] = Field(default=(REGION,), min_length=1)
    """Those in which there are stacks, home first."""
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    """0 takes a free port."""
    python: str = sys.executable
    """The interpreter that runs handlers, training jobs and endpoints."""
    server: str = "infra.local.server"
    """The module that serves the cloud; tests have one that strikes executions."""
    max_threads: int = Field(default_factory=available_threads, ge=1)
    clock_scale: float = Field(default=1.0, gt=0)
    lambda_idle_seconds: float = 300.0
    max_invocations: int = Field(default_factory=lambda: max(30, 4 * available_threads()), ge=1)
    """Functions that run at once, as an account's concurrency bounds them on AWS; others wait for a
    moment before they are throttled. Three for each run that a stack lets work at once: all of them
    may be in functions of a quarter of an hour, and those that begin or end need room as well."""
    max_idle_sandboxes: int = Field(default=24, ge=0)
    """Processes of functions that are kept for the next invocation, over all functions."""
    rollout_scale: float = Field(default=0.01, gt=0)
    """Seconds here for each second that an update of an endpoint waits, that alarms look back, that
    an inference component is idle until it scales in, and that capacity is waited for."""
    iam: bool = True
    """Whether calls are judged by the deployed policies. Off only to measure what that costs."""
    distance_scale: float = Field(default=1.0, ge=0)
    """Seconds here for each second of a round trip between regions; 0 for no distance at all."""
    job_grace_seconds: float = 120.0
    """Seconds between SIGTERM and SIGKILL for a stopping job (120 on SageMaker)."""

    @classmethod
    def of_last_time(cls, state_dir: Path) -> LocalSettings:
        """Of a state directory, with the regions that its cloud has or had."""
        settings = cls(state_dir=state_dir)
        try:
            regions = json.loads(settings.regions_file.read_bytes())
        except FileNotFoundError:
            return settings
        return settings.model_copy(update={"regions": tuple(regions)})

    @property
    def key(self) -> CloudKey:
        """Of this cloud; made the first time."""
        self.make_state_dir()
        return CloudKey.of(self.state_dir)

    def make_state_dir(self) -> None:
        """The state directory, in which nobody but its owner can look."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.state_dir.chmod(0o700)

    @property
    def lock_file(self) -> Path:
        """Locked by the serving process for as long as it lives, and says which process that is."""
        return self.state_dir / "server.lock"

    @property
    def start_lock_file(self) -> Path:
        """Locked by whoever starts or stops the cloud: one at a time."""
        return self.state_dir / "start.lock"

    @property
    def ready_file(self) -> Path:
        """What the serving process says of itself once it answers."""
        return self.state_dir / "ready.json"

    @property
    def processes_file(self) -> Path:
        """Processes that the serving process has started."""
        return self.state_dir / "processes"

    @property
    def port_file(self) -> Path:
        """The port of last time."""
        return self.state_dir / "port"

    @property
    def capacity_file(self) -> Path:
        """Which instance types this cloud has none of."""
        return self.state_dir / "capacity.json"

    @property
    def network_file(self) -> Path:
        """Which regions are cut off, and how far they are from each other."""
        return self.state_dir / "network.json"

    @property
    def log_file(self) -> Path:
        """Output of the serving process."""
        return self.state_dir / "server.log"

    @property
    def objects_dir(self) -> Path:
        """Contents of objects, while the cloud runs."""
        return self.state_dir / "objects"

    @property
    def regions_file(self) -> Path:
        """The regions of last time."""
        return self.state_dir / "regions.json"

    @property
    def home(self) -> str:
        """The region of who calls without saying which."""
        return self.regions[0]

    def folder_of(self, region: str) -> Path:
        """Where the files of a region's jobs and endpoints are."""
        return self.state_dir if region == self.home else self.state_dir / region

    @property
    def endpoint_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def client_environment(self, url: str) -> dict[str, str]:
        """What boto3 needs to call this cloud, which runs at `url`, as its owner from home."""
        reached = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": self.home}
        return reached | self.key.owner.environment()

    def process_environment(self, region: str) -> dict[str, str]:
        """Environment of a child process in a region: how to reach this cloud, and no more.

        Children never inherit the daemon's own environment wholesale, so a handler sees only what
        its function configuration gives it, as on AWS. Credentials are those of its role.
        """
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
        inherited = {name: os.environ[name] for name in kept if name in os.environ}
        reached = {"AWS_ENDPOINT_URL": self.endpoint_url}
        return inherited | reached | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}

    def threads_of(self, instance_type: str) -> int:
        """Threads an instance type stands for: `ml.local.cpu2` is two threads of this machine.

        Any other name (an AWS instance type in a test, say) gets all of them.
        """
        prefix = "ml.local.cpu"
        if instance_type.startswith(prefix) and instance_type[len(prefix) :].isdigit():
            return min(int(instance_type[len(prefix) :]), self.max_threads)
        return self.max_threads
