"""Everything that a cloud keeps, searched as whoever looks for a text in it would."""

from __future__ import annotations

import gzip
import html
import io
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from tests.integration.pipeline.cloud import Cloud

_GZIP = b"\x1f\x8b"
_ESCAPED = "@+<>&"
"""Signs that writers of JSON for web pages escape."""


def stored(cloud: Cloud) -> Iterator[tuple[str, bytes]]:
    """Every version in the bucket, every row, log line, history and description."""
    yield from objects(cloud)
    yield "runs table", repr(cloud.stack.table.scan()["Items"]).encode()
    logs = cloud.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            yield from _lines(logs, group["logGroupName"])
    pages = cloud.stack.states.get_paginator("get_execution_history")
    for execution in cloud.executions():
        for page in pages.paginate(executionArn=execution["executionArn"]):
            yield execution["executionArn"], repr(page["events"]).encode()
    for name, described in _descriptions(cloud):
        yield name, repr(described).encode()


def objects(cloud: Cloud) -> Iterator[tuple[str, bytes]]:
    """Key and content of every version in the stack's bucket."""
    bucket = cloud.stack.bucket
    pages = cloud.stack.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    for page in pages:
        for item in page.get("Versions", ()):
            asked = {"Bucket": bucket, "Key": item["Key"], "VersionId": item["VersionId"]}
            yield item["Key"], cloud.stack.s3.get_object(**asked)["Body"].read()


def on_disk(cloud: Cloud) -> Iterator[tuple[str, bytes]]:
    """Files of the cloud on this machine, such as the folders of jobs and of functions.

    Without objects, which are searched as such, whatever second names their files have, and the
    code of functions.
    """
    home = cloud.settings.state_dir
    objects_held = {path.stat().st_ino for path in (home / "objects").iterdir()}
    code = ("objects", "functions/code", "functions/packages", "functions/runtime")
    for path in home.rglob("*"):
        if not path.is_file() or path.relative_to(home).as_posix().startswith(code):
            continue
        if path.stat().st_ino not in objects_held:
            yield str(path), path.read_bytes()


def holding(found: Iterable[tuple[str, bytes]], sought: Iterable[str]) -> set[str]:
    """Where one of the texts is, packed, escaped, or written without its spaces."""
    forms = [form for text in sought for form in _forms(text)]
    return {
        where
        for where, content in found
        if any(form in part for part in _unpacked(content) for form in forms)
    }


def _forms(text: str) -> set[bytes]:
    """A text as it may stand in JSON, in a web page and in a web address."""
    written = {text, text.replace(" ", "")}
    written |= {json.dumps(text)[1:-1] for text in written}
    written |= {
        "".join(f"\\u{ord(sign):04x}" if sign in _ESCAPED else sign for sign in text)
        for text in written
    }
    written |= {html.escape(text) for text in written} | {quote(text) for text in written}
    return {text.encode() for text in written}


def _unpacked(content: bytes) -> Iterator[bytes]:
    """A content, and each file in it."""
    yield content
    if content.startswith(_GZIP):
        with suppress(OSError, EOFError, zlib.error):  # else no archive, whatever it begins with
            yield from _unpacked(gzip.decompress(content))
    with suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(content), mode="r:") as packed:
        for member in packed:
            if (file := packed.extractfile(member)) is not None:
                yield from _unpacked(file.read())


def _lines(logs: Any, group: str) -> Iterator[tuple[str, bytes]]:
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
        for event in page["events"]:
            yield f"{group} {event['logStreamName']}", event["message"].encode()


def _descriptions(cloud: Cloud) -> Iterator[tuple[str, object]]:
    sagemaker = cloud.stack.sagemaker
    for listed in sagemaker.list_training_jobs()["TrainingJobSummaries"]:
        name = listed["TrainingJobName"]
        yield name, sagemaker.describe_training_job(TrainingJobName=name)
    for listed in sagemaker.list_models()["Models"]:
        yield listed["ModelArn"], sagemaker.describe_model(ModelName=listed["ModelName"])
    group = cloud.stack.names.prefix
    packages = sagemaker.list_model_packages(ModelPackageGroupName=group)
    for listed in packages["ModelPackageSummaryList"]:
        arn = listed["ModelPackageArn"]
        yield arn, sagemaker.describe_model_package(ModelPackageName=arn)


def packed(text: str) -> bytes:
    """A text as JSON that escapes whatever it may, in an archive such as those of jobs."""
    escaped = json.dumps(text).replace("@", "\\u0040").replace("+", "\\u002b").encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        entry = tarfile.TarInfo("a/b.json.gz")
        content = gzip.compress(escaped)
        entry.size = len(content)
        file.addfile(entry, io.BytesIO(content))
    return archive.getvalue()
