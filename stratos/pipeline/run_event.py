"""What an execution is started with: an upload as EventBridge tells it, or a rerun."""

from __future__ import annotations

import re
from typing import Any

from stratos.contracts.bucket import SPEC_FILE, SPEC_PREFIX
from stratos.frozen import FrozenModel

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MOST_KEY_BYTES = 1024
"""Of S3, also for a version's id."""
_LONGEST_MOMENT = 64
_HOW = 'start with {"rerun": {"bucket": …, "key": "specs/…/spec.yaml"}} to run a spec by hand'


class RunEvent(FrozenModel):
    """The spec that is to be run."""

    bucket: str
    key: str
    version_id: str | None
    """None: the newest."""
    rerun: bool
    scheduled_at: str = ""


def read_event(event: object) -> RunEvent:
    """Read an `Object Created` event, or `{"rerun": {"bucket", "key"}}` of a schedule or a person.

    Raises:
        ValueError: naming what is missing or is no name that S3 has.
    """
    if not isinstance(event, dict):
        raise ValueError(f"the input is {type(event).__name__}, and no object; {_HOW}")
    rerun = event.get("rerun")
    if rerun is not None:
        named, bucket = rerun, _field(rerun, "rerun", "bucket")
        moment = event.get("scheduled_at") or ""
        if not isinstance(moment, str) or not _is_moment(moment):
            raise ValueError(f"scheduled_at of the input is no moment; {_HOW}")
    else:
        detail = _field(event, "the input", "detail")
        bucket = _field(_field(detail, "detail", "bucket"), "detail.bucket", "name")
        named, moment = _field(detail, "detail", "object"), ""
    key = _text(_field(named, "what names the object", "key"), "key")
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{_shown(bucket)} is no name of a bucket; {_HOW}")
    if not key.startswith(SPEC_PREFIX) or not key.endswith(f"/{SPEC_FILE}"):
        raise ValueError(f"{_shown(key)} is no key of a spec; {_HOW}")
    version = None if rerun is not None else named.get("version-id")
    return RunEvent(
        bucket=bucket,
        key=key,
        version_id=_text(version, "version-id") if version else None,
        rerun=rerun is not None,
        scheduled_at=moment,
    )


def _is_moment(text: str) -> bool:
    return not text or 0 < _num_bytes(text) <= _LONGEST_MOMENT


def _field(holder: object, name: str, field: str) -> Any:
    if not isinstance(holder, dict) or holder.get(field) is None:
        raise ValueError(
            "the input is neither an `Object Created` event nor a rerun: "
            f"{field!r} is missing in {name}; {_HOW}"
        )
    return holder[field]


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not 0 < _num_bytes(value) <= _MOST_KEY_BYTES:
        raise ValueError(
            f"{name} is {_shown(value)}; S3 has texts of 1 to {_MOST_KEY_BYTES:,} bytes; {_HOW}"
        )
    return value


def _num_bytes(text: str) -> int:
    """In UTF-8; none of what is no Unicode."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return 0


def _shown(value: object) -> str:
    return ascii(value)[:80] if isinstance(value, str) else f"of type {type(value).__name__}"
