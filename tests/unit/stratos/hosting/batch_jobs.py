"""Batches for tests: a transform job, what SageMaker tells of it, and its answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from stratos.contracts.measurements import BatchResult
from stratos.contracts.plan import Server
from stratos.hosting.transform_job import TransformJob, transform_job
from stratos.measuring.batch_gate import (
    Answer,
    batch_result,
)

STARTED = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def server(instance_type: str = "ml.local.cpu1", count: int = 1, usd: float = 3.6) -> Server:
    return Server(
        instance_type=instance_type,
        count=count,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=usd,
    )


def job(of: Server | None = None, at_once: int = 8) -> TransformJob:
    tags = [{"Key": "stratos:run", "Value": "tiles-1"}]
    return transform_job(
        "stratos-tiles-1-a0",
        of or server(),
        at_once,
        "bucket",
        "runs/tiles-1/batches/measured/questions.jsonl",
        "runs/tiles-1/batches/measured/answers/stratos-tiles-1-a0/",
        tags,
        kms_key_arn="arn:aws:kms:us-east-1:123456789012:key/k",
    )


def chat(text: str, after_seconds: float, tokens: int = 5) -> bytes:
    body = {
        "created": int(STARTED.timestamp() + after_seconds),
        "choices": [{"message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": tokens},
    }
    return json.dumps(body, ensure_ascii=False).encode()


def described(seconds: float, waited: float = 30.0) -> dict[str, Any]:
    return {
        "TransformJobStatus": "Completed",
        "CreationTime": STARTED - timedelta(seconds=waited),
        "TransformStartTime": STARTED,
        "TransformEndTime": STARTED + timedelta(seconds=seconds),
    }


def result(**changes: Any) -> BatchResult:
    made = batch_result(job(), described(100), 4, [Answer.of(chat("a", 60 + n)) for n in range(4)])
    return made.model_copy(update=changes)
