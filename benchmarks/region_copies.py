"""A model of 500 MB on its way to three regions, moved once to each, and then again.

The copies are those of FetchInputs, between the buckets of an embedded cloud with four regions.
The second run has the same files under other keys: another spec. Bytes are those that the copier
meters.
Ends with one line of JSON; it lies under benchmarks/results/ too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.tables import check, print_table  # noqa: E402
from infra.local import daemon  # noqa: E402
from infra.local.host.settings import LocalSettings  # noqa: E402
from lambdas.aws.clients import client  # noqa: E402
from lambdas.regions.copier import Copier  # noqa: E402
from lambdas.regions.ledger import CopyLedger  # noqa: E402
from lambdas.regions.places import Place  # noqa: E402
from stratos.contracts.bucket import TELLING_CHECKSUM  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "region_copies.json"
MODEL_BYTES = 500_000_000
HOME, *WORKERS = ("us-east-1", "eu-west-1", "ap-northeast-1", "eu-central-1")
FILES = {"model.safetensors": 0.99, "tokenizer.json": 0.01}
"""Share of the bytes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=MODEL_BYTES // 10**6)
    size = parser.parse_args().megabytes * 10**6
    with tempfile.TemporaryDirectory() as name:
        settings = LocalSettings(state_dir=Path(name) / "state", regions=(HOME, *WORKERS))
        os.environ.update(settings.client_environment(daemon.start(settings)))
        try:
            rows = measured(Path(name), size)
        finally:
            daemon.stop(settings)
    print_table(rows)
    first, again = (sum(row["moved_mb"] for row in rows if row["run"] == run) for run in (1, 2))
    result = {
        "name": "region_copies",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "model_mb": size / 1e6,
        "checks": [
            check("MB moved to three regions", first, 3 * size / 1e6, "lower"),
            check("MB moved by a rerun", again, 0.0, "lower"),
        ],
    }
    if size == MODEL_BYTES:
        RESULTS.write_text(json.dumps(result | {"rows": rows}, indent=1) + "\n")
    print(json.dumps(result))


def measured(folder: Path, size: int) -> list[dict[str, Any]]:
    places = {region: Place(region, f"bucket-of-{region}", "key") for region in (HOME, *WORKERS)}
    for place in places.values():
        where = {"CreateBucketConfiguration": {"LocationConstraint": place.region}}
        client("s3", place.region).create_bucket(
            Bucket=place.bucket, **({} if place.region == HOME else where)
        )
    files = {name: folder / name for name in FILES}
    for name, path in files.items():
        write(path, round(size * FILES[name]))
    rows = []
    for run in (1, 2):
        upload(places[HOME], files, run)
        rows += [copied(run, places[HOME], places[region], files) for region in WORKERS]
    return rows


def write(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(os.urandom(min(1 << 20, size - start)))


def upload(home: Place, files: dict[str, Path], run: int) -> None:
    """Put the model where a run's spec has it, as `stratos submit` does."""
    for name, path in files.items():
        key = key_of(run, name)
        client("s3", home.region).upload_file(
            str(path), home.bucket, key, ExtraArgs=TELLING_CHECKSUM
        )


def key_of(run: int, name: str) -> str:
    return f"specs/spec-{run}/model/{name}"


def copied(run: int, home: Place, target: Place, files: dict[str, Path]) -> dict[str, Any]:
    ledger = CopyLedger(target.files, target.region)
    copier = Copier(target, ledger, f"job-{run}", math.inf, lambda: None)
    started = time.monotonic()
    copier.copy_all(home, [key_of(run, name) for name in files])
    seconds = time.monotonic() - started
    for name, path in files.items():
        found = client("s3", target.region).head_object(Bucket=target.bucket, Key=key_of(run, name))
        assert found["ContentLength"] == path.stat().st_size, f"{name} is not whole"
    return {
        "run": run,
        "region": target.region,
        "moved_mb": sum(one.num_bytes for one in copier.transfers) / 1e6,
        "seconds": round(seconds, 2),
    }


if __name__ == "__main__":
    main()
