"""A shard that runs out of money gets what the others have left, in a round of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import SynthesizeResult
from tests.integration.pipeline.cloud import Cloud, cloud, write_task

__all__ = ["cloud"]
pytestmark = [pytest.mark.slow, pytest.mark.regions]

USD_PER_TOKEN = 1e-6
SHARDS = 2
DEAR, USUAL = 0.9, 1 / 250
"""Shares of a shard's money: of one answer, and of every other one."""


class PricedTeacher:
    """A service that knows every answer. The first of synthesis costs most of a share."""

    def __init__(self, answers: dict[str, str]) -> None:
        self._answers, self._lock = answers, threading.Lock()
        self.share_usd: float | None = None
        """Of a shard; None before synthesis, when nothing costs anything to speak of."""
        self.asked: list[str] = []
        """Questions of synthesis, in order."""

    def reply(self, request: dict[str, Any], share_usd: float | None) -> dict[str, Any]:
        said = request["messages"][-1]["content"]
        question = next(known for known in self._answers if known in said)
        with self._lock:
            if share_usd is not None:
                self.asked.append(question)
            first = len(self.asked) == 1
        usd = 0.0 if share_usd is None else share_usd * (DEAR if first else USUAL)
        message = {"role": "assistant", "content": f"#### {self._answers[question]}"}
        return {
            "id": "r",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": max(1, round(usd / USD_PER_TOKEN))},
        }


@contextmanager
def serving(teacher: PricedTeacher, share_usd: Any) -> Iterator[str]:
    """The teacher's URL; `share_usd` says what a shard has, once that is known."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(teacher.reply(request, share_usd())).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bought(folder: Path, url: str) -> Path:
    """A spec whose teacher is the service, paid by the token, with two servers a step."""
    limits = {"max_p95_latency_ms": 20_000, "max_training_hours": 0.2, "max_budget_usd": 10.0}
    write_task(
        folder,
        "bought",
        constraints=limits | {"servers_per_step": SHARDS},
        teachers=[
            {
                "kind": "openai",
                "base_url": url,
                "model": "priced",
                "output_usd_per_million_tokens": USD_PER_TOKEN * 1e6,
            }
        ],
    )
    spec = yaml.safe_load((folder / "spec.yaml").read_text())
    del spec["task"]["checker"]  # it would ask for rationales
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec))
    return folder


def test_a_shard_without_money_is_asked_on_with_what_the_other_left(
    cloud: Cloud, tmp_path: Path
) -> None:
    folder = tmp_path / "bought"
    answers: dict[str, str] = {}
    teacher, runs = PricedTeacher(answers), []

    def share_usd() -> float | None:
        """Known from when the shards of synthesis are about to run, until they are one."""
        keys = [RunKeys(run_id) for run_id in runs]
        if not keys or cloud.read_json(keys[0].job_result("synthesize-a0")) is not None:
            return None
        config = cloud.read_json(keys[0].job_config("synthesize-a0-s0") + "config.json")
        if config is None or teacher.share_usd is not None:
            return teacher.share_usd
        teacher.share_usd = float(config["budget_usd"])
        return teacher.share_usd

    with serving(teacher, share_usd) as url:
        bought(folder, url)
        for line in (folder / "dataset.jsonl").read_text().splitlines():
            row = json.loads(line)
            answers[row["prompt"]] = row["completion"]
        runs.append(cloud.submit(folder))
        row = cloud.finish(runs[0])
    summary = cloud.summary(runs[0])
    assert row.status == "succeeded", summary.reason
    keys = RunKeys(runs[0])
    names = [str(job["TrainingJobName"]).removeprefix(f"{runs[0]}-") for job in cloud.jobs(runs[0])]
    first = {f"synthesize-a0-s{shard}-0" for shard in range(SHARDS)}
    again = {name for name in names if name.startswith("synthesize-a0-s")} - first
    assert len(again) == 1  # the one that had paid the dear answer
    assert cloud.read_json(keys.shards("synthesize-a0", 1)) is not None
    made = SynthesizeResult.model_validate(cloud.read_json(keys.job_result("synthesize-a0")))
    assert made.kept == len(set(teacher.asked)) == len(teacher.asked)  # none is paid twice
    assert summary.total_usd < 10.0
    assert cloud.billable()["jobs"] == []
