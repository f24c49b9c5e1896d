"""The states of an execution, called in turn as Step Functions calls them: JSON in, JSON out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.sagemaker.models import sagemaker_backends

from lambdas.handlers import (
    await_component,
    check_quality,
    inspect_dataset,
    match_models,
    measure_batch,
    measure_endpoint,
    parse_constraints,
    plan_candidates,
    promote,
    record_approval,
    report,
    request_approval,
    take_turn,
)
from stratos.contracts.bucket import RunKeys, split_uri
from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.match import FULL_PRECISION, MatchEvidence, plans_in_order
from stratos.contracts.measurements import Measurement, Measurements
from stratos.contracts.plan import Plan
from stratos.contracts.run import RunRef
from stratos.hosting.transform_job import TransformJob
from stratos.pipeline.summary import RunSummary
from tests import factories, summaries
from tests.unit.lambdas.conftest import BUCKET, Account

TO_ZERO: dict[str, Any] = {
    "hosting": {"mode": "scale_to_zero"},
    "preferences": {"accuracy": 0, "latency": 0, "time": 0, "cost": 1},
}
"""Sections of a spec whose endpoint scales to zero."""
BATCH: dict[str, Any] = {
    "hosting": {"mode": "batch"},
    "constraints": {"max_usd_per_1000_requests": 100},
    "load": {"requests_per_second": 0.1, "measure_seconds": 20},
    "preferences": {"accuracy": 0, "latency": 0, "time": 0, "cost": 1},
}
"""Sections of a spec whose model is asked in batches."""


def right_answer(question: str) -> str:
    """A line of a batch that was answered."""
    body = {
        "created": int(time.time()) + 6,
        "choices": [{"message": {"role": "assistant", "content": factories.answer_to(question)}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5},
    }
    return json.dumps(body)


def refused_answer(question: str) -> str:
    """A line of a batch that the server refused."""
    return json.dumps({"error": {"message": "too long", "type": "invalid_request_error"}})


def call(handler: Any, **payload: Any) -> dict[str, Any]:
    """Call a handler with what survives JSON."""
    plain = json.loads(json.dumps(payload, default=lambda model: model.model_dump(mode="json")))
    result: dict[str, Any] = json.loads(json.dumps(handler(plain, None), allow_nan=False))
    return result


class Pipeline:
    """One execution; its training jobs are completed by hand."""

    def __init__(self, account: Account, run: RunRef) -> None:
        self.account = account
        self.run = run
        self.roles = "own"  # as the state machine says it
        self.state: dict[str, Any] = {"run": run.model_dump(mode="json"), "attempt": 0}

    def parse(self) -> dict[str, Any]:
        return self._add("parsed", call(parse_constraints.handler, run=self.run))

    def inspect(self) -> dict[str, Any]:
        return self._add("dataset", call(inspect_dataset.handler, run=self.run, roles=self.roles))

    def plan(self) -> dict[str, Any]:
        dataset = self.state["dataset"]
        told = {"run": self.run, "dataset": dataset, "roles": self.roles}
        return self._add("candidates", call(plan_candidates.handler, **told))

    def probe(self, teacher_right: int = 0, student_right: int = 0) -> None:
        steps = [job["step"] for job in self.state["candidates"]["probes"]]
        for step in steps:
            role = "teacher" if step.startswith("probe-t") else "student"
            right = teacher_right if role == "teacher" else student_right
            self.account.put_result(self.run, step, factories.probe_result(role, role, right))
        self.state["probes"] = [{"step": step, "failed": None} for step in steps]

    def match_quantised(self) -> MatchEvidence:
        """As if the plan served in q8_0, with an alternative in float16 on the larger server."""
        found = self.evidence()
        cheap, large = (
            next(plan for plan in plans_in_order(found.matching) if on(plan, name))
            for name in ("ml.local.cpu1", "ml.local.cpu2")
        )
        quantised = cheap.model_copy(update={"engine": factories.engine("q8_0")})
        full = large.model_copy(update={"engine": factories.engine("float16")})
        plans = found.matching.plans.model_copy(
            update={
                "chosen": quantised,
                "fallbacks": (),
                "front": (quantised, full),
                "alternatives": {FULL_PRECISION: full},
            }
        )
        matching = found.matching.model_copy(update={"plan": quantised, "plans": plans})
        evidence = found.model_copy(update={"matching": matching})
        self.account.put(RunKeys(self.run.run_id).match, evidence.model_dump_json())
        return evidence

    def match(self) -> dict[str, Any]:
        fields = ("dataset", "candidates", "probes", "attempt")
        payload = {name: self.state[name] for name in fields}
        return self._add(
            "match", call(match_models.handler, run=self.run, roles=self.roles, **payload)
        )

    def work(
        self,
        right: int = 45,
        untuned: int = 2,
        evaluated: EvaluateResult | None = None,
        distilled: DistillResult | None = None,
    ) -> None:
        """The three jobs, as if they had completed."""
        attempt = self.state["attempt"]
        results = {
            "synthesize": factories.synthesize_result(),
            "distill": distilled or factories.distill_result(),
            "evaluate": evaluated or factories.evaluate_result(right, untuned),
        }
        for name, result in results.items():
            self.account.put_result(self.run, f"{name}-a{attempt}", result)
        key = f"runs/{self.run.run_id}/models/job/output/model.tar.gz"
        self.account.put(key, b"\0" * 1000)
        self.state["distilled"] = {"ModelArtifacts": {"S3ModelArtifacts": f"s3://{BUCKET}/{key}"}}

    def check(self) -> dict[str, Any]:
        artifact = self.state["distilled"]["ModelArtifacts"]["S3ModelArtifacts"]
        quality = call(
            check_quality.handler,
            run=self.run,
            dataset=self.state["dataset"],
            match=self.state["match"],
            model_artifact=artifact,
        )
        return self._add("quality", quality)

    def register(self) -> str:
        """What the Register state does; returns the version's ARN."""
        created = self.account.client("sagemaker").create_model_package(
            ModelPackageGroupName="stratos", **self.state["quality"]["deployment"]["model_package"]
        )
        self._add("package", {"ModelPackageArn": created["ModelPackageArn"]})
        return str(created["ModelPackageArn"])

    def request_approval(self, timeout_seconds: int = 3600) -> dict[str, Any]:
        return call(
            request_approval.handler,
            run=self.run,
            package_arn=self.state["package"]["ModelPackageArn"],
            measured=self.state["quality"]["reason"],
            timeout_seconds=timeout_seconds,
            task_token="token-1",
        )

    def approve(self, by: str = "arn:aws:iam::123456789012:user/ann") -> dict[str, Any]:
        """What the execution does with a person's consent."""
        self.state["approval"] = {"by": by, "reason": "as good as asked"}
        return call(
            record_approval.handler,
            run=self.run,
            package_arn=self.state["package"]["ModelPackageArn"],
            approval=self.state["approval"],
        )

    def take_turn(self) -> dict[str, Any]:
        deployment = call(
            take_turn.handler, run=self.run, deployment=self.state["quality"]["deployment"]
        )
        self.state["quality"]["deployment"] = deployment
        return deployment

    def deploy(self) -> dict[str, Any]:
        """What the SDK states do with the deployment, on moto."""
        deployment: dict[str, Any] = self.state["quality"]["deployment"]
        sagemaker = self.account.client("sagemaker")
        sagemaker.create_model(
            ModelName=deployment["model_name"],
            PrimaryContainer=deployment["container"],
            ExecutionRoleArn="arn:aws:iam::123456789012:role/endpoint",
            Tags=deployment["tags"],
        )
        if deployment["component"] is not None:
            return self._deploy_component(sagemaker, deployment)
        for model in deployment["more_models"]:
            sagemaker.create_model(
                ModelName=model["model_name"],
                PrimaryContainer=model["container"],
                ExecutionRoleArn="arn:aws:iam::123456789012:role/endpoint",
                Tags=deployment["tags"],
            )
        # moto knows neither our instance types nor instance pools.
        variant = deployment["production_variant"] | {"InstanceType": "ml.m5.large"}
        variant.pop("InstancePools", None)
        sagemaker.create_endpoint_config(
            EndpointConfigName=deployment["endpoint_config_name"],
            ProductionVariants=[variant],
            Tags=deployment["tags"],
        )
        names = {
            "EndpointName": deployment["endpoint_name"],
            "EndpointConfigName": deployment["endpoint_config_name"],
        }
        if deployment["replaces_live"]:
            sagemaker.update_endpoint(**names)
        else:
            sagemaker.create_endpoint(**names, Tags=deployment["tags"])
        return deployment

    def made_hours_ago(self, hours: float) -> float:
        """Let the making of the endpoint have begun so long ago; returns its price an hour."""
        deployment = self.state["quality"]["deployment"]
        deployment["deploying_since"] = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        self.account.put(RunKeys(self.run.run_id).deployment, json.dumps(deployment))
        return float(deployment["billed_usd_per_hour"])

    def _deploy_component(self, sagemaker: Any, deployment: dict[str, Any]) -> dict[str, Any]:
        """The same for an endpoint that scales to zero; moto lets no instance type of ours pass."""
        component = deployment["component"]
        named = {
            "InferenceComponentName": component["name"],
            "Specification": component["specification"],
        }
        if component["previous"] is not None:
            sagemaker.update_inference_component(
                **named, DeploymentConfig=deployment["guardrails"]["deployment_config"]
            )
            return deployment
        endpoint, config = deployment["endpoint_name"], deployment["endpoint_config_name"]
        sagemaker.create_endpoint_config(
            EndpointConfigName=config,
            ExecutionRoleArn="arn:aws:iam::123456789012:role/endpoint",
            ProductionVariants=[deployment["production_variant"]],
            Tags=deployment["tags"],
        )
        sagemaker.create_endpoint(
            EndpointName=endpoint, EndpointConfigName=config, Tags=deployment["tags"]
        )
        sagemaker.create_inference_component(
            **named,
            EndpointName=endpoint,
            VariantName=deployment["production_variant"]["VariantName"],
            RuntimeConfig=component["runtime_config"],
            Tags=deployment["tags"],
        )
        return deployment

    def await_component(self, awaits: str = "model") -> dict[str, Any]:
        return call(
            await_component.handler,
            deployment=self.state["quality"]["deployment"],
            awaits=awaits,
        )

    def measure(self) -> dict[str, Any]:
        deployment = self.state["quality"]["deployment"]
        measured = call(
            measure_endpoint.handler,
            run=self.run,
            match=self.state["match"],
            deployment=deployment,
        )
        return self._add("measured", measured)

    def transform(
        self, answer: Callable[[str], str], *, seconds: float = 36.0, status: str = "Completed"
    ) -> list[dict[str, Any]]:
        """Create the model and have its batch answered, on moto; returns the requests.

        Args:
            answer: From a question to the line that comes back.
            seconds: On the bill.
        """
        deployment = self.state["quality"]["deployment"]
        job = TransformJob.model_validate(deployment["transform_job"])
        sagemaker = self.account.client("sagemaker")
        sagemaker.create_model(
            ModelName=deployment["model_name"],
            PrimaryContainer=deployment["container"],
            ExecutionRoleArn="arn:aws:iam::123456789012:role/batches",
            Tags=deployment["tags"],
        )
        sagemaker.create_transform_job(**job.request())
        made = sagemaker_backends["123456789012"]["us-east-1"].transform_jobs[job.name]
        made.transform_end_time = made.transform_start_time + timedelta(seconds=seconds)
        made.transform_job_status = status
        _, key = split_uri(job.transform_input["DataSource"]["S3DataSource"]["S3Uri"])
        asked = [json.loads(line) for line in self.account.read(key).splitlines()]
        if status == "Completed":
            _, prefix = split_uri(job.transform_output["S3OutputPath"])
            lines = "".join(answer(line["messages"][-1]["content"]) + "\n" for line in asked)
            self.account.put(f"{prefix}questions.jsonl.out", lines)
        return asked

    def measure_batch(self, failure: dict[str, str] | None = None) -> dict[str, Any]:
        measured = call(
            measure_batch.handler,
            run=self.run,
            match=self.state["match"],
            deployment=self.state["quality"]["deployment"],
            transformed=failure or {"Error": "", "Cause": ""},
        )
        return self._add("measured", measured)

    def next_server(self) -> dict[str, Any]:
        """As the states go on after a miss: the same model on the server that was named."""
        self.move()
        return self.deploy()

    def move(self) -> None:
        """To the deployment that was named after a miss."""
        self.state["quality"]["deployment"] = self.state["measured"]["deployment"]

    def next_student(self) -> None:
        self.state["attempt"] = self.state["measured"]["next_attempt"]
        self.match()

    def hold_load(self) -> None:
        """What MeasureEndpoint leaves behind, where nobody asks the endpoint."""
        evidence = self.evidence()
        measured = summaries.measurement(evidence.plan, attempt=evidence.attempt)
        self.put_measurement(measured)

    def put_measurement(self, measured: Measurement) -> None:
        kept = Measurements(measured=(measured,))
        self.account.put(RunKeys(self.run.run_id).measurements, kept.model_dump_json())

    def promote(self) -> dict[str, Any]:
        keys = RunKeys(self.run.run_id)
        if keys.measurements not in self.account.keys(keys.measurements):
            self.hold_load()
        promoted = call(
            promote.handler,
            run=self.run,
            parsed=self.state["parsed"],
            dataset=self.state["dataset"],
            deployment=self.state["quality"]["deployment"],
            package_arn=self.state["package"]["ModelPackageArn"],
        )
        return self._add("promoted", promoted)

    def report(self, status: str = "succeeded") -> dict[str, Any]:
        return call(report.handler, run=self.run, status=status, state=self.state)

    def until_planned(self) -> Pipeline:
        self.parse()
        self.inspect()
        self.plan()
        return self

    def until_matched(self) -> Pipeline:
        self.until_planned()
        self.probe()
        self.match()
        return self

    def until_registered(self) -> Pipeline:
        """The model is good and has yet to go to its endpoint."""
        self.until_matched()
        self.work()
        self.check()
        self.register()
        return self

    def until_deployed(self) -> Pipeline:
        self.until_registered()
        self.take_turn()
        self.deploy()
        return self

    def until_promoted(self) -> Pipeline:
        """The whole of a good run, the report included."""
        self.until_registered()
        if self.state["quality"]["deployment"]["transform_job"] is None:
            self.take_turn()
            self.deploy()
        else:
            self.transform(right_answer)
            assert self.measure_batch()["passed"], self.state["measured"]["reason"]
        self.promote()
        self.report()
        return self

    def summary(self) -> RunSummary:
        """`run.json`, which the report has written."""
        return RunSummary.model_validate_json(self.account.read(RunKeys(self.run.run_id).summary))

    def measurements(self) -> tuple[Measurement, ...]:
        key = RunKeys(self.run.run_id).measurements
        return Measurements.model_validate_json(self.account.read(key)).measured

    def evidence(self) -> MatchEvidence:
        key = RunKeys(self.run.run_id).match
        return MatchEvidence.model_validate_json(self.account.read(key))

    def _add(self, name: str, value: dict[str, Any]) -> dict[str, Any]:
        self.state[name] = value
        return value


def on(plan: Plan, instance_type: str) -> bool:
    return plan.serving.instance_type == instance_type and plan.hosting.mode == "realtime"


def start(account: Account, **sections: Any) -> Pipeline:
    """Drop a spec and claim its run."""
    return Pipeline(account, account.run(account.drop(**sections)))


def first_type(deployment: dict[str, Any]) -> str:
    """The instance type that a deployment asks for first, or alone."""
    variant = deployment["production_variant"]
    asked = variant.get("InstancePools") or [variant]
    return str(asked[0]["InstanceType"])
