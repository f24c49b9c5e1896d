"""Bucket policies here: moto reads a statement without its condition, and so denies everyone.

A policy that denies plain HTTP, as ours does, would deny every request on this machine. A statement
with a condition is left out of the decision, since the conditions on TLS, organisations and
networks have no meaning here; the policy itself is stored and returned whole.
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
