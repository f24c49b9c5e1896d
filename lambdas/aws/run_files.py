"""A run's own files in its bucket, each behind a door that knows its key and its type."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from lambdas.aws.bucket import Bucket
from lambdas.aws.job_names import step_name
from stratos.contracts.bucket import RECORDS_FILE, REJECTED_FILE, RunKeys, spec_folder
from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import (
    AnyJobConfig,
    EvaluateConfig,
    EvaluateResult,
    InspectResult,
    ProbeConfig,
    ProbeResult,
    SynthesizeResult,
)
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurements
from stratos.contracts.plan import PlanSet, Server
from stratos.contracts.records import Record, SampledAttempt, Split, TrainingRecord
from stratos.contracts.run import RunRef
from stratos.contracts.saved_plan import SavedPlan
from stratos.dataset.inspection import Inspection
from stratos.frozen import FrozenModel
from stratos.hosting.deployment import DEPLOYMENT, Deployment
from stratos.hosting.model_package import Lineage
from stratos.hosting.names import MEASURED
from stratos.pipeline.approvals import ApprovalGiven
from stratos.pipeline.summary import RunSummary
from stratos.spec import Spec

Rows = TypeVar("Rows", bound=FrozenModel)
MAX_QUESTIONS = 2_000
"""Held-out records that one measurement asks at most."""

_SHOWN_ATTEMPTS = 2
"""That a report shows of what was kept, and of what was rejected for each reason."""
_JOB_CONFIG: TypeAdapter[AnyJobConfig] = TypeAdapter(AnyJobConfig)


class _Priced(BaseModel):
    """Of a job's configuration, what its bill needs."""

    usd_per_hour: float
    servers: tuple[Server, ...] = ()
    spent_usd: float = 0.0


class _Paid(BaseModel):
    """Of a job's progress or result, what its bill needs."""

    usd: float


@dataclass(frozen=True)
class RunFiles:
    """The files of one run.

    A door named `find_…` gives None where there is no file; any other raises FileNotFoundError.
    `put_…` gives the URI.
    """

    run: RunRef

    # --- what the run is made from ------------------------------------------------------------

    def spec(self) -> Spec:
        return self._bucket.read_model(self._keys.spec, Spec)

    def find_spec(self) -> Spec | None:
        return self._bucket.find_model(self._keys.spec, Spec)

    def put_spec(self, spec: Spec) -> str:
        return self._bucket.put_model(self._keys.spec, spec)

    def keep_checker(self, path: str) -> None:
        """Keep the checker as it is now.

        Args:
            path: In the folder of the spec.
        """
        source = spec_folder(self.run.spec_key) + path
        self._bucket.copy(source, self._keys.checker + "checker.py")

    @property
    def checker_uri(self) -> str:
        """Of the folder that holds checker.py."""
        return self._bucket.uri(self._keys.checker)

    def upload_split(self, split: Split, path: Path) -> None:
        self._bucket.upload_records(path, self._split_key(split))

    def sample(self, split: Split, size: int) -> list[Record]:
        """The first records of a split."""
        return self._bucket.read_rows(self._split_key(split), Record, size)

    def questions(self) -> list[Record]:
        """Held-out records that a measurement asks, each of them once."""
        return self.sample("heldout", MAX_QUESTIONS)

    def dataset_uri(self, split: Split | None = None) -> str:
        """Of the folder with every split, or of one split alone."""
        return self._bucket.uri(self._keys.dataset if split is None else self._split_key(split))

    def inspection(self) -> Inspection:
        return self._bucket.read_model(self._inspection_key, Inspection)

    def find_inspection(self) -> Inspection | None:
        return self._bucket.find_model(self._inspection_key, Inspection)

    def put_inspection(self, inspection: Inspection) -> str:
        return self._bucket.put_model(self._inspection_key, inspection)

    # --- what is decided ----------------------------------------------------------------------

    def plans(self) -> PlanSet:
        return self._bucket.read_model(self._keys.plans, PlanSet)

    def find_plans(self) -> PlanSet | None:
        return self._bucket.find_model(self._keys.plans, PlanSet)

    def put_plans(self, plans: PlanSet) -> str:
        return self._bucket.put_model(self._keys.plans, plans)

    def find_saved_plan(self) -> SavedPlan | None:
        """The plan that the run was submitted with."""
        return self._bucket.find_model(self._keys.saved_plan, SavedPlan)

    def put_saved_plan(self, plan: SavedPlan) -> str:
        return self._bucket.put_model(self._keys.saved_plan, plan)

    def match(self) -> MatchEvidence:
        return self._bucket.read_model(self._keys.match, MatchEvidence)

    def find_match(self) -> MatchEvidence | None:
        return self._bucket.find_model(self._keys.match, MatchEvidence)

    def put_match(self, evidence: MatchEvidence) -> str:
        return self._bucket.put_model(self._keys.match, evidence)

    def find_approval(self) -> ApprovalGiven | None:
        return self._bucket.find_model(self._keys.approval, ApprovalGiven)

    def put_approval(self, approval: ApprovalGiven) -> str:
        return self._bucket.put_model(self._keys.approval, approval)

    # --- training jobs ------------------------------------------------------------------------

    def job_config(self, step: str) -> AnyJobConfig:
        return _JOB_CONFIG.validate_json(self._bucket.read(self._job_config_key(step)))

    def put_job_config(self, step: str, config: AnyJobConfig) -> str:
        return self._bucket.put_model(self._job_config_key(step), config)

    def change_job_config(self, step: str, values: Mapping[str, Any]) -> AnyJobConfig:
        """Change fields of a stored configuration, and return it as it is read from now on.

        A field that is not in it stays out: the job may run the code of an earlier release, whose
        model refuses what it does not know.
        """
        stored = json.loads(self._bucket.read(self._job_config_key(step)))
        changed = _JOB_CONFIG.validate_python(stored).model_copy(update=dict(values))
        told = changed.model_dump(mode="json", include=set(values))
        text = json.dumps(stored | _within(told, stored), indent=2)
        self._bucket.put(self._job_config_key(step), text, "application/json")
        return _JOB_CONFIG.validate_json(text)

    def probe_config(self, step: str) -> ProbeConfig:
        return self._bucket.read_model(self._job_config_key(step), ProbeConfig)

    def find_split_by_job(self) -> InspectResult | None:
        """What the job came to that split the dataset in place of InspectDataset."""
        return self._bucket.find_model(self._keys.job_result("inspect"), InspectResult)

    def evaluate_config(self, attempt: int) -> EvaluateConfig:
        key = self._job_config_key(step_name("evaluate", attempt))
        return self._bucket.read_model(key, EvaluateConfig)

    def probed(self, step: str) -> ProbeResult:
        return self._bucket.read_model(self._keys.job_result(step), ProbeResult)

    def find_synthesized(self, attempt: int) -> SynthesizeResult | None:
        key = self._keys.job_result(step_name("synthesize", attempt))
        return self._bucket.find_model(key, SynthesizeResult)

    def distilled(self, attempt: int) -> DistillResult:
        return self._bucket.read_model(self._distilled_key(attempt), DistillResult)

    def find_distilled(self, attempt: int) -> DistillResult | None:
        return self._bucket.find_model(self._distilled_key(attempt), DistillResult)

    def evaluated(self, attempt: int) -> EvaluateResult:
        return self._bucket.read_model(self._evaluated_key(attempt), EvaluateResult)

    def find_evaluated(self, attempt: int) -> EvaluateResult | None:
        return self._bucket.find_model(self._evaluated_key(attempt), EvaluateResult)

    def usd_per_hour(self, step: str, server: Server | None) -> float:
        """Of the server that a step runs on; of the one asked for first if that is not known."""
        if server is not None:
            return server.usd_per_hour
        priced = self._bucket.find_model(self._job_config_key(step), _Priced)
        return 0.0 if priced is None else priced.usd_per_hour

    def servers_asked(self, step: str) -> tuple[Server, ...]:
        """Servers that the attempts of a step asked for; none where that was not kept."""
        priced = self._bucket.find_model(self._job_config_key(step), _Priced)
        return () if priced is None else priced.servers

    def paid_usd(self, step: str) -> list[float]:
        """What result and progress of a step say that its teacher was paid, as far as there are.

        The configuration says it of earlier attempts.
        """
        keys = (self._keys.job_result(step), self._keys.job_progress(step))
        found = (self._bucket.find_model(key, _Paid) for key in keys)
        before = self._bucket.find_model(self._job_config_key(step), _Priced)
        earlier = [] if before is None else [before.spent_usd]
        return [*earlier, *(paid.usd for paid in found if paid is not None)]

    def job_config_uri(self, step: str) -> str:
        """Of the folder that holds config.json."""
        return self._bucket.uri(self._keys.job_config(step))

    def result_uri(self, step: str) -> str:
        return self._bucket.uri(self._keys.job_result(step))

    def progress_uri(self, step: str) -> str:
        return self._bucket.uri(self._keys.job_progress(step))

    def checkpoints_uri(self, step: str) -> str:
        return self._bucket.uri(self._keys.checkpoints(step))

    def records_uri(self, attempt: int) -> str:
        """Of the verified records that a student learns from."""
        return self._bucket.uri(self._keys.records_of(attempt))

    def synthesis_sample(self, attempt: int) -> list[SampledAttempt]:
        """A few records that were kept, and a few of each reason that were rejected."""
        folder = self._keys.records_of(attempt)
        rejected = self._rows_if_any(folder + REJECTED_FILE, SampledAttempt)
        kept = self._rows_if_any(folder + RECORDS_FILE, TrainingRecord, _SHOWN_ATTEMPTS)
        shown = [SampledAttempt.of_kept(record) for record in kept]
        of_reason: Counter[str | None] = Counter()
        for one in rejected:
            of_reason[one.reason] += 1
            if of_reason[one.reason] <= _SHOWN_ATTEMPTS:
                shown.append(one)
        return shown

    def dataset_bytes(self, split: Split | None = None) -> int:
        """Of every split, or of one."""
        prefix = self._keys.dataset if split is None else self._split_key(split)
        return sum(item.size for item in self._bucket.list(prefix))

    @property
    def models_uri(self) -> str:
        return self._bucket.uri(self._keys.models)

    # --- the model in service -----------------------------------------------------------------

    def lineage(self) -> Lineage:
        return self._bucket.read_model(self._keys.lineage, Lineage)

    def put_lineage(self, lineage: Lineage) -> str:
        return self._bucket.put_model(self._keys.lineage, lineage)

    def find_deployment(self) -> Deployment | None:
        """What the run has put into service, or would have."""
        try:
            return DEPLOYMENT.validate_json(self._bucket.read(self._keys.deployment))
        except FileNotFoundError:
            return None

    def put_deployment(self, deployment: Deployment) -> str:
        return self._bucket.put_model(self._keys.deployment, deployment)

    def put_batch(self, requests: Iterable[str]) -> str:
        """The batch by which a model without an endpoint is measured, one request a line."""
        lines = "".join(request + "\n" for request in requests)
        return self._bucket.put(
            self._keys.batch_questions(MEASURED), lines, "application/jsonlines"
        )

    def measurements(self) -> Measurements:
        """Everything that was measured so far; empty before the first."""
        return self._bucket.find_model(self._keys.measurements, Measurements) or Measurements()

    def put_measurements(self, measurements: Measurements) -> str:
        return self._bucket.put_model(self._keys.measurements, measurements)

    # --- the outcome --------------------------------------------------------------------------

    def put_summary(self, summary: RunSummary) -> str:
        return self._bucket.put_model(self._keys.summary, summary)

    def put_report(self, html: str) -> str:
        return self._bucket.put(self._keys.report, html, "text/html; charset=utf-8")

    @property
    def summary_uri(self) -> str:
        return self._bucket.uri(self._keys.summary)

    @property
    def report_uri(self) -> str:
        return self._bucket.uri(self._keys.report)

    # --- keys ---------------------------------------------------------------------------------

    @property
    def _bucket(self) -> Bucket:
        return Bucket(self.run.bucket)

    def _rows_if_any(self, key: str, model: type[Rows], limit: int | None = None) -> list[Rows]:
        try:
            return self._bucket.read_rows(key, model, limit)
        except FileNotFoundError:
            return []

    @property
    def _keys(self) -> RunKeys:
        return RunKeys(self.run.run_id)

    @property
    def _inspection_key(self) -> str:
        return self._keys.dataset + "inspection.json"

    def _split_key(self, split: Split) -> str:
        return f"{self._keys.dataset}{split}.jsonl"

    def _job_config_key(self, step: str) -> str:
        return self._keys.job_config(step) + "config.json"

    def _distilled_key(self, attempt: int) -> str:
        return self._keys.job_result(step_name("distill", attempt))

    def _evaluated_key(self, attempt: int) -> str:
        return self._keys.job_result(step_name("evaluate", attempt))


def _within(value: Any, known: Any) -> Any:
    """A value of JSON without the fields that one like it does not have."""
    if isinstance(value, dict) and isinstance(known, dict):
        return {name: _within(value[name], known[name]) for name in value if name in known}
    if isinstance(value, list) and isinstance(known, list) and known:
        return [_within(item, known[0]) for item in value]
    return value
