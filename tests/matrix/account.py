"""An AWS account as a state machine sees it: what it started, what it was told, what serves."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from lambdas.handlers.diagnose_job import _caught_job, goes_on
from stratos.pipeline.failures import cut_short, explain_and_advise, reason_in
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import JobFailure
from tests.matrix.data import DATA, JOB_DONE, MANIFEST, RUN

LIVE, PROMOTED = "model-before", "model"
_MOST_CRASHES = 2


class Account:
    """Functions that answer as they do when all goes well, and AWS's services behind them.

    What ends a run (`clean_up`, `report`, `diagnose_job`, `give_up`) words its reasons by the
    product's own code.

    Args:
        modules: Function, as a definition names it → the handler's module.
        answers: Module → what it answers.
    """

    def __init__(self, modules: Mapping[str, str], answers: Mapping[str, Any]) -> None:
        self._modules, self._answers = modules, answers
        self._lock = threading.Lock()
        self.answer_token: Callable[[str, Any], None] = lambda token, answer: None
        self.billed: dict[str, str] = {}
        """What of the run costs money now: its name → what it is."""
        self.in_service = LIVE
        self.called: list[str] = []
        self.told: list[str] = []
        self.latest_job = ""
        self.claimed = False

    def seen(self) -> tuple[object, ...]:
        """What there is now, to be compared."""
        return dict(self.billed), self.in_service, list(self.told)

    # Functions

    def invoke(self, FunctionName: str, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803
        module = self._modules[FunctionName]
        payload = json.loads(Payload)
        with self._lock:
            self.called.append(module)
            answer = getattr(self, f"_{module}", self._answer_of)(payload, module)
        if "task_token" in payload:
            self.answer_token(payload["task_token"], answer)
            answer = {}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}

    def _answer_of(self, payload: dict[str, Any], module: str) -> Any:
        return self._answers[module]

    def _claim_run(self, payload: dict[str, Any], module: str) -> Any:
        self.claimed = True
        return RUN

    def _hand_over(self, payload: dict[str, Any], module: str) -> Any:
        self.billed[payload["job"]["name"]] = "training job"
        return JOB_DONE

    def _promote(self, payload: dict[str, Any], module: str) -> Any:
        self.in_service = PROMOTED
        for name in [name for name, kind in self.billed.items() if not kind.endswith(" job")]:
            del self.billed[name]  # what serves is what was asked for
        return self._answers[module]

    _promote_regions = _promote

    def _bring_home(self, payload: dict[str, Any], module: str) -> Any:
        self.jobs_end()  # one that is over, whose results are brought
        return self._answers[module]

    def _measure_batch(self, payload: dict[str, Any], module: str) -> Any:
        missed = {"passed": False, "deployment": None, "next_attempt": None}
        return self._answers[module] | (missed if payload["transformed"]["Error"] else {})

    def _diagnose_job(self, payload: dict[str, Any], module: str) -> Any:
        job, failure = payload["job"], JobFailure.model_validate(payload["failure"])
        described = _caught_job(failure, job["name"])
        if described is None and job["name"] in self.billed:
            described = {"TrainingJobStatus": "InProgress"}
        verdict = classify(failure, described)
        again = verdict.outcome in ("crash", "unreachable") and job["attempt"] < _MOST_CRASHES
        following = job | {"attempt": job["attempt"] + 1, "name": f"{job['name']}-again"}
        if goes_on(described):
            self.billed.pop(job["name"], None)
        return {
            "outcome": verdict.outcome,
            "retry": again,
            "reason": verdict.reason,
            "job": following if again else job,
        }

    def _clean_up(self, payload: dict[str, Any], module: str) -> Any:
        if "event" in payload:
            self._after_execution(payload["event"]["detail"])
        else:
            self._take_back()
        return {}

    def _after_execution(self, detail: dict[str, Any]) -> None:
        if self.claimed:
            self._take_back()
        if not self.told:
            self.told.append(explain_and_advise(cut_short(detail)))

    def _take_back(self) -> None:
        self.billed.clear()
        if self.in_service != PROMOTED:
            self.in_service = LIVE

    def _report(self, payload: dict[str, Any], module: str) -> Any:
        if reason := reason_in(payload["state"]):
            self.told.append(reason)
        return {}

    def _give_up(self, payload: dict[str, Any], module: str) -> Any:
        event, failure = payload.get("event"), payload.get("failure")
        found = cut_short(event["detail"]) if event else JobFailure.model_validate(failure)
        self.billed.clear()
        if not self.told:
            # As a failed task it goes to the run at home, which says what to do.
            self.told.append(explain_and_advise(found))
        return {}

    # SageMaker, and what else is called without a function

    def create_training_job(self, **request: Any) -> dict[str, Any]:
        return self._start("Training", request["TrainingJobName"])

    def create_transform_job(self, **request: Any) -> dict[str, Any]:
        return self._start("Transform", request["TransformJobName"])

    def _start(self, kind: str, name: str) -> dict[str, Any]:
        self.billed[name], self.latest_job = f"{kind.lower()} job", name
        return {f"{kind}JobArn": f"arn:aws:sagemaker:us-east-1:1:{kind.lower()}-job/{name}"}

    def describe_training_job(self, **_: Any) -> dict[str, Any]:
        return {"TrainingJobStatus": "Completed", **JOB_DONE}

    def describe_transform_job(self, **_: Any) -> dict[str, Any]:
        return {"TransformJobStatus": "Completed"}

    def jobs_end(self) -> None:
        """Those of the state that is left."""
        for name in [name for name, kind in self.billed.items() if kind.endswith(" job")]:
            del self.billed[name]

    def create_endpoint(self, **request: Any) -> dict[str, Any]:
        self.billed[request["EndpointName"]] = "endpoint"
        return {}

    def create_inference_component(self, **request: Any) -> dict[str, Any]:
        self.billed[request["InferenceComponentName"]] = "inference component"
        return {}

    def update_endpoint(self, **_: Any) -> dict[str, Any]:
        self.in_service = "model-tried"
        return {}

    update_inference_component = update_endpoint

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        return dict(DATA["endpoint"])

    def create_model_package(self, **_: Any) -> dict[str, Any]:
        return dict(DATA["package"])

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(json.dumps(MANIFEST).encode())}

    def _done(self, **_: Any) -> dict[str, Any]:
        return {}

    create_model = create_endpoint_config = put_metric_alarm = delete_alarms = _done
    deregister_scalable_target = _done
