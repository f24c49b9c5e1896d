"""`kill -9` of an embedded cloud at seeded moments of a run, one run after the other in one cloud.

    python -m benchmarks.kills --write               all 20: half an hour on two idle cores
    python -m benchmarks.kills --write --only 3-5    these, by the moments of the run written before

A moment is a line of the cloud's journal: a version of an object, a row of the runs table, the
start or end of an execution, an event to deliver. A run that nothing disturbs shows which lines
there are; the seed chooses among them. After each kill the cloud is brought up again. The run has
to end, by itself or reported as killed; what S3 and a table had acknowledged has to be there; no
process of the killed cloud may be left, and nothing billable. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.kill_moments import NUM_KILLS, SEED, WITNESS, JournalTail, Moment, moments, told
from benchmarks.tables import check, conclude
from infra.local.cli import bring_up
from infra.local.daemon import status
from stratos.contracts.bucket import SPEC_FILE, SPEC_PREFIX, RunKeys, run_id_of
from stratos.waiting import every, wait_until, within
from tests.integration.pipeline.cloud import (
    ASSEMBLY,
    ROOT,
    Cloud,
    eventually,
    running_cloud,
    servers_of_this_machine,
    write_task,
)

RESULTS = Path(__file__).parent / "results" / "kills.json"
KILLED = "the embedded cloud was killed"
_LOOK_SECONDS = 0.003
_PATIENCE_SECONDS = 900.0
_SETTLED_SECONDS = 60.0


class Witness(threading.Thread):
    """Writes objects and items of its own all the time, and notes what was acknowledged."""

    def __init__(self, cloud: Cloud, first: int) -> None:
        super().__init__()
        self._s3, self._table = cloud.client("s3"), cloud.client("dynamodb")
        self._bucket, self._first = cloud.stack.bucket, first
        self._ended = threading.Event()
        self.acknowledged: dict[str, int] = {}

    def run(self) -> None:
        for number in range(self._first, self._first + 1_000_000):
            key, body = f"{WITNESS}/{number % 7}", str(number)
            try:
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=body.encode())
                row = {"id": {"S": key}, "n": {"N": body}}
                self._table.put_item(TableName=WITNESS, Item=row)
            except (BotoCoreError, ClientError):
                return
            self.acknowledged[key] = number
            if self._ended.wait(0.1):
                return

    def lost(self, cloud: Cloud) -> list[str]:
        """What is older than what was acknowledged, or gone."""
        self._ended.set()
        self.join()
        lost = []
        for key, number in self.acknowledged.items():
            body = int(cloud.stack.s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
            row = cloud.client("dynamodb").get_item(TableName=WITNESS, Key={"id": {"S": key}})
            # The write that the kill cut off may be there as well.
            if min(body, int(row["Item"]["n"]["N"])) < number:
                lost.append(key)
        return lost


@dataclass
class Tried:
    """What a kill came to."""

    number: int
    moment: str
    commit: str
    outcome: str = ""
    """How each run of the spec ended."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Bench:
    """One cloud, in which run after run is killed."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._cloud, self._folder = cloud, folder
        self._journal = cloud.settings.state_dir / "saved"
        self._first = 0
        self._acknowledged: str | None = None
        """The run of the latest spec, once its upload was acknowledged."""
        key = {"AttributeName": "id", "AttributeType": "S"}
        cloud.client("dynamodb").create_table(
            TableName=WITNESS,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[key],
            BillingMode="PAY_PER_REQUEST",
        )
        # A table is kept by the save that follows, its items at once.
        eventually(lambda: WITNESS in (self._journal / "state.json").read_text())

    def undisturbed(self) -> list[str]:
        """The lines of a run from its spec on."""
        name = "kills-none"
        with self._submitting(name) as lines:
            seen: list[str] = []
            while not (runs := self._runs(name)) or not self._ended(runs):
                seen += [line for entry in lines.new() if (line := told(entry, name))]
                time.sleep(1.0)
            seen += [line for entry in lines.new() if (line := told(entry, name))]
        assert self._take_back(name) == []
        return seen[seen.index(_spec_line(name)) :]

    def kill(self, number: int, moment: Moment) -> Tried:
        """Kill the cloud at a moment of a new run, bring it up, and look at what there is."""
        began, name = time.monotonic(), f"kills-{number}"
        tried = Tried(number, f"{moment.line}, {moment.then} lines later", commit())
        witness = Witness(self._cloud, self._first)
        witness.start()
        with self._submitting(name) as lines:
            struck = self._strike(name, moment, lines)
            if struck is None:
                tried.wrong.append("the run ended without coming by")
            else:
                _, left = psutil.wait_procs(struck, timeout=60)
                tried.wrong += [f"left: {words}" for one in left if (words := _running(one))]
                self._bring_up()
        lost = witness.lost(self._cloud)
        tried.wrong += [f"lost: {key}" for key in lost]
        self._first = max(witness.acknowledged.values(), default=self._first) + 8
        tried.wrong += self._outcome(name, tried)
        tried.wrong += self._take_back(name)
        tried.seconds = round(time.monotonic() - began, 1)
        return tried

    @contextmanager
    def _submitting(self, name: str) -> Iterator[JournalTail]:
        """Upload a spec from another thread; a kill may end that."""
        task = write_task(self._folder / name, name, num_rows=120)
        self._acknowledged = None

        def submit() -> None:
            with suppress(BotoCoreError, ClientError):
                self._acknowledged = self._cloud.submit(task)

        lines = JournalTail(self._journal)
        uploading = threading.Thread(target=submit)
        uploading.start()
        try:
            yield lines
        finally:
            lines.close()
            uploading.join()

    def _strike(self, name: str, moment: Moment, lines: JournalTail) -> list[psutil.Process] | None:
        """Kill the daemon. Returns its processes and itself; None if the run did not come by."""
        daemon = psutil.Process(status(self._cloud.settings).pid)
        begun, left, looked = False, None, time.monotonic()
        while True:
            for entry in lines.new():
                line = told(entry, name)
                begun = begun or line == _spec_line(name)
                if begun and line:
                    left = moment.then if left is None and line == moment.line else left
                    if left == 0:
                        family = [daemon, *daemon.children(recursive=True)]
                        daemon.send_signal(signal.SIGKILL)
                        return family
                    left = None if left is None else left - 1
            if time.monotonic() > looked + 10:
                looked = time.monotonic()
                if (runs := self._runs(name)) and self._ended(runs):
                    return None
            time.sleep(_LOOK_SECONDS)

    def _bring_up(self) -> None:
        settings = self._cloud.settings
        url, _ = bring_up(settings, ASSEMBLY, measure=servers_of_this_machine)
        os.environ.update(settings.client_environment(url))
        boto3.setup_default_session()

    def _runs(self, name: str) -> list[str]:
        """The run of each version of a spec."""
        stack, key = self._cloud.stack, f"{SPEC_PREFIX}{name}/{SPEC_FILE}"
        listed = stack.s3.list_object_versions(Bucket=stack.bucket, Prefix=key)
        versions = [version["VersionId"] for version in listed.get("Versions", ())]
        return [run_id_of(stack.bucket, key, version) for version in versions]

    def _ended(self, runs: list[str]) -> bool:
        rows = [self._cloud.row(run_id) for run_id in runs]
        return all(row is not None and row.finished for row in rows)

    def _outcome(self, name: str, tried: Tried) -> Iterator[str]:
        """What is wrong with the ends of a spec's runs."""
        runs = self._runs(name)
        if self._acknowledged is not None and self._acknowledged not in runs:
            yield "the spec was acknowledged and is gone"
        if not wait_until(
            lambda: self._ended(runs), deadline=within(_PATIENCE_SECONDS), pauses=every(1.0)
        ):
            yield f"not ended, nor reported: {runs}"
            return
        outcomes = []
        for run_id in runs:
            row, summary = self._cloud.row(run_id), self._cloud.read_json(RunKeys(run_id).summary)
            assert row is not None
            reason = (summary or {}).get("reason") or ""
            outcomes.append(f"{row.status}: {reason}"[:300])
            if row.status != "succeeded" and KILLED not in reason:
                yield f"reported in other words: {reason}"
        tried.outcome = "; ".join(outcomes) or "the spec was not acknowledged"

    def _take_back(self, name: str) -> list[str]:
        """Delete what a spec's runs serve. Returns what else was billable, or is afterwards."""
        rows = [self._cloud.row(run_id) for run_id in self._runs(name)]
        serving = {str(row.endpoint_name) for row in rows if row is not None and row.endpoint_name}
        wrong = self._billable_but(sorted(serving))
        for endpoint in self._cloud.billable()["endpoints"]:
            self._cloud.stack.sagemaker.delete_endpoint(EndpointName=endpoint)
        return wrong or self._billable_but([])

    def _billable_but(self, serving: list[str]) -> list[str]:
        """What is billable, jobs too, once a minute has passed in which it was not this alone."""
        try:
            eventually(
                lambda: self._cloud.billable() == {"jobs": [], "endpoints": serving},
                _SETTLED_SECONDS,
            )
        except AssertionError:
            return [f"billable: {self._cloud.billable()}, in service: {serving}"]
        return []


def _running(process: psutil.Process) -> str:
    """A process in words; empty for one that has ended, though nobody has asked how."""
    with suppress(psutil.NoSuchProcess):
        if process.status() != psutil.STATUS_ZOMBIE:
            return " ".join(process.cmdline())[:200]
    return ""


def _spec_line(name: str) -> str:
    return told({"object": {"key": f"{SPEC_PREFIX}{name}/{SPEC_FILE}"}}, name)


def commit() -> str:
    """Of what is run."""
    asked = ["git", "log", "-1", "--format=%h", "--", "stratos", "lambdas", "training", "infra"]
    return subprocess.run(
        asked, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def written() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {"lines": [], "tried": []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", metavar="FIRST-LAST", help="of the kills")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    asked = parser.parse_args()
    before = written() if asked.only else {"lines": [], "tried": []}
    first, _, last = (asked.only or f"1-{NUM_KILLS}").partition("-")
    results = {one["number"]: one for one in before["tried"]}
    with tempfile.TemporaryDirectory() as folder, running_cloud(Path(folder) / "state") as cloud:
        bench = Bench(cloud, Path(folder))
        lines = before["lines"] or bench.undisturbed()
        chosen = moments(lines)
        for number in range(int(first), int(last or first) + 1):
            tried = bench.kill(number, chosen[number - 1])
            results[number] = asdict(tried)
            print(f"{number}: {tried.moment}: {tried.wrong or tried.outcome}", flush=True)
    survived = sum(not one["wrong"] for one in results.values())
    print(f"kills survived: {survived} of {NUM_KILLS}")
    found = {
        "commit": commit(),
        "seed": SEED,
        "lines": list(dict.fromkeys(lines)),
        "tried": [results[number] for number in sorted(results)],
    }
    conclude(
        RESULTS,
        found,
        [check("kills survived", survived, NUM_KILLS, "higher")],
        write=asked.write,
    )


if __name__ == "__main__":
    main()
