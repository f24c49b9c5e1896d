"""Events of S3 objects, in the shape S3 sends them to EventBridge.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from moto.events.models import events_backends
from moto.s3 import notifications
from moto.s3.models import S3Backend

from infra.local.host.patching import Patches

REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}
"""The API call that made an object, by moto's name of the event."""

EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e"


class ObjectEvents:
    """Makes moto's buckets report creations and deletions, and nothing else, to EventBridge."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_sequence = 0

    def install(self, patches: Patches) -> None:
        seam = self

        def send(account_id: str, bucket: Any, event_name: str, key: Any) -> None:
            seam._send_for_moto(
                account_id, bucket, str(getattr(event_name, "value", event_name)), key
            )

        original_delete = S3Backend.delete_object

        def delete_object(
            backend: Any,
            bucket_name: str,
            key_name: str,
            version_id: str | None = None,
            bypass: bool = False,
        ) -> Any:
            bucket = backend.get_bucket(bucket_name)
            held = {str(key.version_id): key for key in bucket.keys.getlist(key_name, [])}
            deleted, headers = original_delete(backend, bucket_name, key_name, version_id, bypass)
            if deleted and bucket.is_versioned and _reports(bucket):
                if version_id is None:
                    seam._send_deleted(
                        backend.account_id,
                        bucket,
                        key_name,
                        headers["version-id"],
                        EMPTY_ETAG,
                        True,
                    )
                elif version_id in held:
                    etag = getattr(held[version_id], "etag", EMPTY_ETAG)
                    seam._send_deleted(
                        backend.account_id, bucket, key_name, version_id, etag, False
                    )
            return deleted, headers

        patches.replace(notifications, "_send_event_bridge_message", send)
        patches.replace(S3Backend, "delete_object", delete_object)

    def _send_for_moto(self, account_id: str, bucket: Any, event_name: str, key: Any) -> None:
        """What moto noticed, except what S3 would not send or `delete_object` sends better."""
        if event_name == "s3:ObjectRemoved:Delete":
            if not bucket.is_versioned:
                self._send_deleted(account_id, bucket, key.name, None, key.etag, False)
            return
        # Completing a multipart upload also puts the object, which is no PutObject.
        internal_put = event_name != "s3:ObjectCreated:CompleteMultipartUpload" and (
            key.multipart is not None and event_name != "s3:ObjectCreated:Copy"
        )
        if event_name not in REASONS or internal_put:
            return
        described: dict[str, Any] = {
            "key": key.name,
            "size": key.size,
            "etag": key.etag.strip('"'),
        }
        if bucket.is_versioned:
            described["version-id"] = key.version_id
        self._send(account_id, bucket, "Object Created", described, {"reason": REASONS[event_name]})

    def _send_deleted(
        self,
        account_id: str,
        bucket: Any,
        key_name: str,
        version_id: str | None,
        etag: str,
        marker: bool,
    ) -> None:
        described = {"key": key_name, "etag": etag.strip('"')}
        if version_id is not None:
            described["version-id"] = version_id
        kind = "Delete Marker Created" if marker else "Permanently Deleted"
        detail = {"reason": "DeleteObject", "deletion-type": kind}
        self._send(account_id, bucket, "Object Deleted", described, detail)

    def _send(
        self,
        account_id: str,
        bucket: Any,
        detail_type: str,
        described: dict[str, Any],
        detail: dict[str, Any],
    ) -> None:
        now = time.time()
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": "aws.s3",
            "account": account_id,
            "time": now,
            "ingestion-time": now,
            "region": bucket.region_name,
            "resources": [bucket.arn],
            "detail": {
                "version": "0",
                "bucket": {"name": bucket.name},
                "object": described | {"sequencer": self._next_sequencer()},
                "request-id": uuid.uuid4().hex[:16].upper(),
                "requester": account_id,
                "source-ip-address": "127.0.0.1",
                **detail,
            },
        }
        # S3 reports to the account's default bus only.
        bus = events_backends[account_id][bucket.region_name].event_buses["default"]
        for rule in list(bus.rules.values()):
            rule.send_to_targets(event)

    def _next_sequencer(self) -> str:
        """Grows with every event, so that two events of a key can be put in order."""
        with self._lock:
            self._last_sequence = max(self._last_sequence + 1, time.time_ns())
            return f"{self._last_sequence:018X}"


def _reports(bucket: Any) -> bool:
    configuration = bucket.notification_configuration
    return configuration is not None and configuration.event_bridge is not None
