"""An MLflow server, told of a training by its REST API.

MLflow's own client would bring a web framework, a Databricks client and OpenTelemetry into every
job; what a training says takes five calls. https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

from training.teachers.bounded_http import Bounds, HttpReply, post
from training.tracking.tracker import Status, TrainingPoint

_CALL_SECONDS = 5.0
_MOST_BYTES = 2**20
_BATCH_METRICS = 1000
"""That one log-batch may hold."""
_STATUSES: dict[Status, str] = {"finished": "FINISHED", "failed": "FAILED"}
_JOB_TAG = "stratos.job"

Send = Callable[[SplitResult, bytes, Mapping[str, str]], HttpReply]
Authorize = Callable[[str, bytes], Mapping[str, str]]
"""Headers that let a call in, from its address and its body; may raise anything."""


class MlflowRefused(Exception):
    """The server answered with an error."""


@dataclass(frozen=True)
class MlflowRun:
    """What the run is called there.

    Attributes:
        experiment: Made if there is none of this name, which holds no double quote.
        job: The run and step of Stratos: an attempt that resumes goes on in the same MLflow run.
        settings: Of the training, kept as parameters.
    """

    experiment: str
    job: str
    settings: Mapping[str, str]


class MlflowServer:
    """A run on an MLflow server, begun with the first points."""

    def __init__(
        self,
        uri: str,
        run: MlflowRun,
        authorize: Authorize,
        send: Send | None = None,
        *,
        private: bool = False,
        if_forbidden: str = "",
    ) -> None:
        """Set up; nothing is called yet.

        Args:
            private: The server may be within a private network.
            if_forbidden: What to do where it lets nobody in.
        """
        self._uri, self._run, self._authorize = uri.rstrip("/"), run, authorize
        self._if_forbidden = if_forbidden
        self._send = send or partial(_send, private=private)
        self._run_id: str | None = None

    @property
    def name(self) -> str:
        return f"MLflow at {self._uri}"

    def keep(self, points: Sequence[TrainingPoint]) -> None:
        run_id = self._begun()
        metrics = [
            {"key": key, "value": value, "timestamp": round(1000 * point.at), "step": point.step}
            for point in points
            for key, value in point.figures.items()
        ]
        for batch in _batches(metrics):
            self._call("runs/log-batch", {"run_id": run_id, "metrics": batch})

    def end(self, status: Status) -> None:
        self._call(
            "runs/update",
            {"run_id": self._begun(), "status": _STATUSES[status], "end_time": _now_ms()},
        )

    def _begun(self) -> str:
        """The id of the run there: that of an earlier attempt, or a new one."""
        if self._run_id is not None:
            return self._run_id
        experiment = self._experiment()
        found = self._call(
            "runs/search",
            {
                "experiment_ids": [experiment],
                "filter": f"tags.`{_JOB_TAG}` = '{self._run.job}'",
                "max_results": 1,
            },
        ).get("runs")
        run_id = found[0]["info"]["run_id"] if found else self._created(experiment)
        self._run_id = str(run_id)
        return self._run_id

    def _created(self, experiment: str) -> str:
        begun = self._call(
            "runs/create",
            {
                "experiment_id": experiment,
                "run_name": self._run.job,
                "start_time": _now_ms(),
                "tags": [{"key": _JOB_TAG, "value": self._run.job}],
            },
        )
        run_id: str = begun["run"]["info"]["run_id"]
        params = [{"key": key, "value": value} for key, value in self._run.settings.items()]
        self._call("runs/log-batch", {"run_id": run_id, "params": params})
        return run_id

    def _experiment(self) -> str:
        name = self._run.experiment
        found = self._call(
            "experiments/search", {"filter": f'name = "{name}"', "max_results": 1}
        ).get("experiments")
        made = found[0] if found else self._call("experiments/create", {"name": name})
        return str(made["experiment_id"])

    def _call(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        url = f"{self._uri}/api/2.0/mlflow/{path}"
        text = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self._authorize(url, text)}
        reply = self._send(urlsplit(url), text, headers)
        if reply.status != 200:
            said = reply.body.decode("utf-8", "replace")[:200]
            if reply.status == 403 and self._if_forbidden:
                said = f"{said}. {self._if_forbidden}"
            raise MlflowRefused(f"{path} was answered with {reply.status}: {said}")
        answer = json.loads(reply.body or b"{}")
        if not isinstance(answer, dict):
            raise MlflowRefused(f"{path} was answered with no JSON object")
        return answer


def _batches(metrics: list[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    for start in range(0, len(metrics), _BATCH_METRICS):
        yield metrics[start : start + _BATCH_METRICS]


def _now_ms() -> int:
    return round(1000 * time.time())


def _send(url: SplitResult, body: bytes, headers: Mapping[str, str], *, private: bool) -> HttpReply:
    return post(url, body, headers, Bounds(_CALL_SECONDS, _MOST_BYTES), private=private)
