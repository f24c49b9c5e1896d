"""What Lambda writes to CloudWatch Logs about an invocation."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.lambda_.configuration import FunctionConfiguration
from infra.local.lambda_.runtime_api import InvocationOutcome


@dataclass(frozen=True)
class InvocationRecord:
    """One invocation as the platform saw it."""

    request_id: str
    outcome: InvocationOutcome
    init_lines: list[str]
    lines: list[str]
    duration_ms: float
    init_ms: float | None
    """Only the first invocation of a sandbox has one."""
    max_memory_mib: int | None

    @property
    def status(self) -> str:
        if self.outcome.error_type == "Sandbox.Timedout":
            return "timeout"
        return "error" if self.outcome.error_type else "success"

    @property
    def billed_ms(self) -> int:
        return math.ceil(self.duration_ms + (self.init_ms or 0.0))

    def text_lines(self, version: str, memory_mib: int) -> list[str]:
        """The function's output between the platform's own lines."""
        report = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {self.billed_ms} ms",
            f"Memory Size: {memory_mib} MB",
        ]
        if self.max_memory_mib is not None:
            report.append(f"Max Memory Used: {self.max_memory_mib} MB")
        if self.init_ms is not None:
            report.append(f"Init Duration: {self.init_ms:.2f} ms")
        if self.outcome.fatal:
            report.append(f"Status: {self.status}")
        if self.status == "error" and self.outcome.fatal:
            report.append(f"Error Type: {self.outcome.error_type}")
        return [
            *self.init_lines,
            f"START RequestId: {self.request_id} Version: {version}",
            *self.lines,
            f"END RequestId: {self.request_id}",
            "\t".join(report),
        ]

    def json_lines(self, version: str, memory_mib: int) -> list[str]:
        """The same for functions that log JSON: the platform's lines are JSON too.

        https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
        """
        metrics = {
            "durationMs": round(self.duration_ms, 3),
            "billedDurationMs": self.billed_ms,
            "memorySizeMB": memory_mib,
            "maxMemoryUsedMB": self.max_memory_mib,
            "initDurationMs": self.init_ms and round(self.init_ms, 3),
        }
        report = {
            "requestId": self.request_id,
            "metrics": {name: value for name, value in metrics.items() if value is not None},
            "status": self.status,
        }
        start = {"requestId": self.request_id, "version": version}
        return [
            *self.init_lines,
            _platform_line("platform.start", start),
            *self.lines,
            _platform_line("platform.report", report),
        ]


def _platform_line(kind: str, record: dict[str, Any]) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": now, "type": kind, "record": record})


def log_lines(configuration: FunctionConfiguration, record: InvocationRecord) -> list[str]:
    """What the log tells of an invocation."""
    render = record.json_lines if configuration.log_format == "JSON" else record.text_lines
    return render(configuration.version, configuration.memory_mib)


def write_log(
    logs_backend: Any, configuration: FunctionConfiguration, stream: str, lines: Sequence[str]
) -> None:
    """Append an invocation to a log stream."""
    now_ms = int(time.time() * 1000)
    logs_backend.ensure_log_group(configuration.log_group)
    logs_backend.ensure_log_stream(configuration.log_group, stream)
    logs_backend.put_log_events(
        configuration.log_group,
        stream,
        [{"timestamp": now_ms, "message": line} for line in lines if line],
    )
