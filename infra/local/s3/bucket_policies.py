"""Bucket policies as moto holds every request to them: without their conditions.

A policy that denies plain HTTP, as ours does, would so deny every request on this machine. A
statement with a condition is left out of moto's decision. Requests of roles and services were held
to the whole policy before (`infra.local.iam.enforcement`).
"""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings


class BucketPolicies:
    """Seam: the part of a bucket policy that this machine can decide."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        self._patches.replace(FakeBucket, "get_permission", _decide)

    def close(self) -> None:
        self._patches.restore()


def _decide(bucket: Any, action: str, resource: str) -> PermissionResult:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = policy["Statement"]
    statements = [statements] if isinstance(statements, dict) else statements
    unconditional = [one for one in statements if not one.get("Condition")]
    if not unconditional:
        return PermissionResult.NEUTRAL
    decided = json.dumps(policy | {"Statement": unconditional})
    return IAMPolicy(decided).is_action_permitted(action, resource)
