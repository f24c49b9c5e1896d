"""`measurements.json`: every endpoint of a run under load, and the plan that comes after a miss.

A model that is hosted in batches has no endpoint: a batch is measured instead.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import Interval, Plan
from stratos.frozen import FrozenModel
from stratos.moment import Moment
from stratos.spec import ModeName
from stratos.statistics.wilson import Proportion

BROKEN_SHARE = 0.9
"""Of the requests that a broken model answers with an error."""


class BatchResult(FrozenModel):
    """A batch as it was carried out: what came back, how fast, and the bill."""

    job_name: str
    num_requests: int
    num_failed: int
    """Requests that the server refused; all of them if the job failed."""
    seconds: float
    """On the bill: from the start of the server to the end of the job."""
    cold_start_seconds: float | None
    """Of these, until the first answer; None if no answer carries its time."""
    waited_seconds: float
    """For the server, before billing began."""
    requests_per_second: float
    """Answered, from the first answer to the end of the job."""
    tokens_per_second: float
    usd: float
    usd_per_1000_requests: float | None
    """The whole bill, cold start included; None if nothing was answered."""
    cold_start_usd_per_1000_requests: float | None = None
    accuracy: Proportion | None = None
    """Of the answers to questions with a gold answer."""
    failure: str | None = None
    """Why the job failed."""
    broken: bool = False
    """It failed by the model itself: one answer that is an error fails a whole file."""
    errors: tuple[str, ...] = ()
    """What the server said of the first requests that it refused, each text once."""


class Percentile(Interval):
    """A latency percentile with its distribution-free 95% interval."""

    enough: bool
    """Enough requests came to bound it from above; if not, `hi` is the longest one seen."""


class Pace(FrozenModel):
    """An endpoint's speed for one request at a time, as its client sees it."""

    prefill_tokens_per_second: float
    """Prompt tokens over the time to a one-token answer, median."""
    decode_tokens_per_second: float
    """Further tokens over the further time of a whole answer, median."""


class LoadResult(FrozenModel):
    """An endpoint measured under open-loop load, warm-up excluded."""

    num_requests: int
    num_failed: int
    seconds: float
    p50_ms: Percentile | None
    """Of answered requests, as all three; None if none was answered."""
    p95_ms: Percentile | None
    p99_ms: Percentile | None
    arrivals_per_second: float
    """As they happened to arrive; the spec declares their mean."""
    answering_seconds: float = 0.0
    """From sending to the answer, over all requests together."""
    warm_up_answering_seconds: float = 0.0
    """The same for warm-up requests, which do not count."""
    requests_per_second: Interval
    """Answered, with the 95% interval of a Poisson count."""
    tokens_per_second: float
    accuracy: Proportion | None = None
    """Of the questions with a gold answer that were answered, each counted once."""
    pace: Pace | None = None
    """None if answers were too short to tell reading and writing apart, or a request failed."""
    num_broken: int = 0
    """Failed requests that the model itself answered with an error, or with what is no answer."""
    errors: tuple[str, ...] = ()
    """What the first failed requests said, each text once."""
    stopped: bool = False
    """Measuring ended as soon as it was certain that too many requests fail."""


class Measurement(FrozenModel):
    """One endpoint under the declared load, or one batch: its plan, its figures, the verdict."""

    plan: Plan
    attempt: int
    """Of the student, as in `match.json`."""
    model_name: str
    endpoint_config_name: str
    mode: ModeName = "realtime"
    """Of the endpoint; means nothing for a batch."""
    deploying_since: Moment | None = None
    """When the run began to create the endpoint."""
    started_at: Moment
    ended_at: Moment
    load: LoadResult | None
    """None for a batch."""
    batch: BatchResult | None = None
    answering_usd: float = 0.0
    """What all requests of the measurement cost, if answers are billed and not instances."""
    usd_per_1000_requests: Interval | None
    """At the declared load: the price of an hour, divided by the requests answered in one. Of a
    batch: its bill, divided by the requests it answered."""
    passed: bool
    missed: tuple[str, ...]
    """Constraints, or `requests_per_second`, `failed_requests`, `evaluated_accuracy`."""
    reason: str
    more_model_names: tuple[str, ...] = ()
    """Of other instance pools of the endpoint."""
    without_capacity: tuple[str, ...] = ()
    """Instance types that the endpoint asked for and did not get."""
    log_lines: tuple[str, ...] = ()
    """The last ones that the engine wrote, where requests failed."""
    region: Annotated[str, Field(exclude_if=lambda region: not region)] = ""
    """Of an endpoint that is one of several regions', or in another than the stack's own. `plan`,
    `load` and `reason` are those of its share; dollars for 1,000 requests those of all regions."""

    @property
    def is_broken(self) -> bool:
        """Whether the model itself fails, which no other server would cure.

        Nearly always, or in a batch that failed: such a file has no answers to count.
        """
        if self.load is not None:
            return self.load.num_broken > BROKEN_SHARE * self.load.num_requests
        found = self.batch
        if found is None:
            return False
        if found.failure is not None:
            return found.broken
        return found.num_failed > BROKEN_SHARE * found.num_requests


class Measurements(FrozenModel):
    measured: tuple[Measurement, ...] = ()
    next_plan: Plan | None = None
    """The plan of the deployment under way, if it is not the plan of the match."""

    def plan_of(self, endpoint_config_name: str, evidence: MatchEvidence) -> Plan:
        """The plan that a deployment carries out; the same one if it is measured again."""
        for measurement in self.measured:
            if measurement.endpoint_config_name == endpoint_config_name:
                return measurement.plan
        return self.next_plan or evidence.plan

    def adding(self, measurement: Measurement) -> Measurements:
        """Add one; it replaces an earlier one of the same deployment in the same region."""
        one = (measurement.endpoint_config_name, measurement.region)
        kept = (m for m in self.measured if (m.endpoint_config_name, m.region) != one)
        return Measurements(measured=(*kept, measurement))

    @property
    def moved(self) -> bool:
        """Whether the model that was measured last had been measured on another server before."""
        last = self.last
        mine = (item for item in self.measured if last is not None and item.attempt == last.attempt)
        return len({item.endpoint_config_name for item in mine}) > 1

    @property
    def last(self) -> Measurement | None:
        return self.measured[-1] if self.measured else None
