"""Amazon Bedrock's batch inference: half the price, an answer in hours."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from stratos.contracts.bucket import split_uri
from stratos.errors import BudgetExhausted, TeacherFailed
from stratos.hosting.names import StackNames
from stratos.hosting.ownership import STACK_TAG
from stratos.spec import Bedrock
from stratos.waiting import every, wait_until
from training.teachers.bedrock import bedrock_parameters, bedrock_prices
from training.teachers.converse import converse_input, inference_settings, read_answer
from training.teachers.metering import Meter
from training.teachers.service import Busy, Refused
from training.teachers.teacher import Completion, ModelUsage, OnAnswer, Request, Teacher

_FEWEST = 100
"""Records below which Bedrock refuses a batch job."""
_ENDED = frozenset({"Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"})
_GOOD = frozenset({"Completed", "PartiallyCompleted"})
_log = logging.getLogger(__name__)


class BedrockBatchTeacher:
    """Puts all requests into one batch job and waits for it."""

    def __init__(
        self,
        spec: Bedrock,
        few: Teacher,
        *,
        bedrock: Any,
        s3: Any,
        folder_uri: str,
        role_arn: str,
        stack: str,
        budget_usd: float | None = None,
        poll_seconds: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Set up.

        Args:
            few: Answers requests too few for a batch job, such as second attempts.
            bedrock: A `bedrock` client.
            s3: An `s3` client.
            folder_uri: S3 prefix for the job's input and output.
            role_arn: What Bedrock assumes to read and write there.
            stack: Name of the stack that the job is of: no other's jobs may stop the batch.
            budget_usd: A job that could exceed this is not started.
        """
        self._spec, self._few, self._bedrock, self._s3 = spec, few, bedrock, s3
        self._bucket, self._prefix = split_uri(folder_uri.rstrip("/") + "/")
        self._role_arn, self._budget = role_arn, budget_usd
        self._stack = StackNames(stack)
        self._poll_seconds, self._sleep = poll_seconds, sleep
        self._meter = Meter(spec.name, bedrock_prices(spec, batch=True))
        self._parameters = bedrock_parameters(spec)

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def usage(self) -> ModelUsage:
        return self._few.usage

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        if len(requests) < _FEWEST:
            return self._few.generate(requests, stop=stop, on_answer=on_answer)
        completions: list[Completion | None] = [None] * len(requests)
        open_requests = list(range(len(requests)))
        while open_requests:
            learned = self._batch(requests, open_requests, completions, stop, on_answer)
            left = [index for index in open_requests if completions[index] is None]
            # A parameter that the model refuses spoils every line once, and costs nothing.
            open_requests = left if learned and len(left) >= _FEWEST else []
        return completions

    def _batch(
        self,
        requests: Sequence[Request],
        asked: Sequence[int],
        completions: list[Completion | None],
        stop: Callable[[], bool],
        on_answer: OnAnswer,
    ) -> bool:
        """Put some requests into a job and fill in what it answers.

        Returns:
            Whether lines failed by a parameter that will not be sent again.
        """
        self._require_budget([requests[index] for index in asked])
        started = time.monotonic()
        name = self._stack.start + uuid4().hex
        sent = self._parameters.apply(inference_settings(requests[asked[0]]))
        job = self._start(name, [requests[index] for index in asked])
        status = self._wait(job, stop)
        self.usage.seconds += time.monotonic() - started
        learned = False
        for position, line in self._output(name, job) if status != "Stopped" else ():
            index = asked[position]
            try:
                completion = self._read(requests[index], line)
            except (Busy, Refused) as error:
                _log.warning("request %d unanswered: %s", index, error)
                if error.billed is not None:
                    self.usage.bill(error.billed)
                else:
                    learned |= self._parameters.learn(sent, str(error))
                continue
            completions[index] = completion
            self.usage.add(completion)
            on_answer(index, completion)
        return learned

    def _read(self, request: Request, line: dict[str, Any]) -> Completion:
        if "modelOutput" not in line:
            raise Refused(json.dumps(line.get("error", line)))
        return read_answer(line["modelOutput"], request, self._meter)

    def _require_budget(self, requests: Sequence[Request]) -> None:
        worst = sum(self._meter.prices.at_most(request) for request in requests)
        if self._budget is not None and self.usage.usd + worst > self._budget:
            self.usage.unpaid += len(requests)
            raise BudgetExhausted(
                f"a batch of {len(requests)} requests to {self.name} can cost ${worst:.2f}; "
                f"${self._budget - self.usage.usd:.2f} of the budget are left. Lower "
                "synthesis.max_records or max_new_tokens, or raise constraints.max_budget_usd"
            )

    def _start(self, name: str, requests: Sequence[Request]) -> str:
        lines = (
            json.dumps({"recordId": f"{index:011d}", "modelInput": self._input(request)})
            for index, request in enumerate(requests)
        )
        key = f"{self._prefix}{name}/input.jsonl"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body="\n".join(lines).encode())
        folder = f"s3://{self._bucket}/{self._prefix}{name}/output/"
        arn: str = self._bedrock.create_model_invocation_job(
            jobName=name,
            roleArn=self._role_arn,
            modelId=self._spec.model_id,
            modelInvocationType="Converse",
            inputDataConfig={"s3InputDataConfig": {"s3Uri": f"s3://{self._bucket}/{key}"}},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": folder}},
            tags=[{"key": STACK_TAG, "value": self._stack.stack}],
        )["jobArn"]
        return arn

    def _input(self, request: Request) -> dict[str, Any]:
        return converse_input(request, self._parameters.apply(inference_settings(request)))

    def _wait(self, job: str, stop: Callable[[], bool]) -> str:
        found = wait_until(
            lambda: self._bedrock.get_model_invocation_job(jobIdentifier=job),
            lambda found: found["status"] in _ENDED or stop(),
            pauses=every(self._poll_seconds),
            sleep=self._sleep,
        )
        status = str(found["status"])
        if status in _GOOD:
            return status
        if status in _ENDED:
            raise TeacherFailed(
                f"the batch job {job} ended as {status}: {found.get('message', 'no reason')}"
            )
        self._bedrock.stop_model_invocation_job(jobIdentifier=job)
        return "Stopped"

    def _output(self, name: str, job: str) -> list[tuple[int, dict[str, Any]]]:
        """Lines of `output/<job id>/input.jsonl.out`, in any order, with their requests."""
        folder = f"{self._prefix}{name}/output/{job.rpartition('/')[2]}"
        body = self._s3.get_object(Bucket=self._bucket, Key=f"{folder}/input.jsonl.out")["Body"]
        return [found for line in body.iter_lines() if (found := _line(line)) is not None]


def _line(line: bytes) -> tuple[int, dict[str, Any]] | None:
    """One line with its request; None where it is none, so that the others are kept."""
    if not line.strip():
        return None
    try:
        found = json.loads(line)
        return int(found["recordId"]), found
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        _log.warning("a line of the batch's output cannot be read (%r): %.200r", error, line)
        return None
