"""What Lambda writes to CloudWatch Logs about an invocation."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from infra.local.function_configuration import FunctionConfiguration
from infra.local.runtime_api import Outcome


@dataclass(frozen=True)
class InvocationRecord:
    """One invocation as the platform saw it."""

    request_id: str
    outcome: Outcome
    init_lines: list[str]
    lines: list[str]
    duration_ms: float
    init_ms: float | None
    """Only the first invocation of a sandbox has one."""
    max_memory_mib: int | None

    def log_lines(self, version: str, memory_mib: int) -> list[str]:
        """The function's output between the platform's own lines."""
        report = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(self.duration_ms + (self.init_ms or 0.0))} ms",
            f"Memory Size: {memory_mib} MB",
        ]
        if self.max_memory_mib is not None:
            report.append(f"Max Memory Used: {self.max_memory_mib} MB")
        if self.init_ms is not None:
            report.append(f"Init Duration: {self.init_ms:.2f} ms")
        if self.outcome.error_type == "Sandbox.Timedout":
            report.append("Status: timeout")
        elif self.outcome.fatal:
            report.append(f"Status: error\tError Type: {self.outcome.error_type}")
        return [
            *self.init_lines,
            f"START RequestId: {self.request_id} Version: {version}",
            *self.lines,
            f"END RequestId: {self.request_id}",
            "\t".join(report),
        ]


def write_log(
    logs_backend: Any, configuration: FunctionConfiguration, stream: str, record: InvocationRecord
) -> str:
    """Append an invocation to a log stream; returns the text that was added."""
    lines = record.log_lines(configuration.version, configuration.memory_mib)
    now_ms = int(time.time() * 1000)
    logs_backend.ensure_log_group(configuration.log_group)
    logs_backend.ensure_log_stream(configuration.log_group, stream)
    logs_backend.put_log_events(
        configuration.log_group,
        stream,
        [{"timestamp": now_ms, "message": line} for line in lines if line],
    )
    return "\n".join(lines) + "\n"
