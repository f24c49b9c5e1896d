"""What the planner chooses, and what it says about the choice."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stratos.frozen import FrozenModel
from stratos.spec import QUANTISED, Method, ModeName, StrategyName
from stratos.units import count, figure

Purchase = Literal["on_demand", "spot"]
Precision = Literal["float32", "bfloat16", "fp8"]
EngineName = Literal["llama_cpp", "vllm"]
ENGINE_TITLES: dict[EngineName, str] = {"llama_cpp": "llama.cpp", "vllm": "vLLM"}
"""What people call an engine; a job puts its version behind it."""
ServedPrecision = Literal["float32", "bfloat16", "float16", "fp8", "q8_0", "q4_k_m"]


class Interval(FrozenModel):
    """A number with a 95% interval around it."""

    value: float
    lo: float
    hi: float


class Server(FrozenModel):
    """Instance type × count × region × purchase option."""

    instance_type: str
    count: int
    region: str
    purchase: Purchase
    usd_per_hour: float
    """Of the whole server: all `count` instances."""
    devices: int = 1
    """Accelerators of each instance that one model is spread over: a student in training, or a
    replica of an endpoint; 1 where there are none. Jobs that only ask models use one."""
    replicas: int = 1
    """Of the model on each instance of an endpoint, side by side."""

    @property
    def layout(self) -> str:
        """In words that follow the instance type; empty for one model on one device."""
        over = f"over {self.devices} devices" if self.devices > 1 else ""
        times = f"{self.replicas} replicas" if self.replicas > 1 else ""
        return f" ({' '.join(filter(None, (times, over)))})" if over or times else ""


class PlannedEngine(FrozenModel):
    """What answers on each replica, and what it is told."""

    name: EngineName
    precision: ServedPrecision
    """Of the weights in its memory."""
    context_tokens: int
    """Of one request: prompt and reply together. A longer request is refused with 400."""
    slots: int
    """Requests that are answered at once; further ones wait."""
    memory_gib: float
    """Forecast of one replica: weights, keys and values of every slot, and the engine itself."""

    @property
    def is_quantised(self) -> bool:
        return self.precision in QUANTISED

    @property
    def told(self) -> str:
        """In one line."""
        return (
            f"{ENGINE_TITLES[self.name]} in {self.precision}: {count(self.slots, 'request')} at "
            f"once, each with a context of {self.context_tokens:,} tokens; "
            f"{figure(self.memory_gib, 2)} GiB forecast"
        )


class PlannedHosting(FrozenModel):
    """How the endpoint is hosted, and why."""

    mode: ModeName
    reason: str
    """In words, with what the other modes would cost."""
    instead_of: tuple[str, ...] = ()
    """Each of the other modes with its cost, where the plan chose among them."""
    cold_start_seconds: float = 0.0
    """What the first request after a pause is expected to wait."""


class PlannedOrigin(FrozenModel):
    """Requests from one region, and the endpoint that answers them."""

    origin: str
    requests_per_second: float
    served_in: str
    """Region of the endpoint."""
    round_trip_ms: float
    p95_latency_ms: float
    """Forecast as its clients see it."""


class PlannedEndpoint(FrozenModel):
    """One endpoint of a fleet over several regions, beside the plan's own."""

    server: Server
    slots: int
    """Requests that each replica answers at once."""
    usd_per_month: float


class TrainedElsewhere(FrozenModel):
    """What it takes to train in another region than the data's, and to wait for a region."""

    region: str
    input_bytes: float
    """Copied there, if nothing of it is there already."""
    output_bytes: float
    """Copied home: records, the artifact, and checkpoints while training runs."""
    copying_hours: float
    """That jobs wait for copies."""
    usd: float
    """Of all copies."""
    waiting_hours: float
    """Expected, by what the region refused lately."""

    @property
    def told(self) -> str:
        """In one line."""
        copied = (
            f"{self.input_bytes / 2**30:.2f} GiB to {self.region} and "
            f"{self.output_bytes / 2**30:.2f} GiB home: ${self.usd:.2f}, "
            f"{60 * self.copying_hours:.1f} min"
        )
        waits = f"{60 * self.waiting_hours:.0f} min of waiting expected after recent refusals"
        parts = [copied] * (self.input_bytes > 0) + [waits] * (self.waiting_hours > 0)
        return "; ".join(parts)


StepName = Literal["probe", "synthesize", "distill", "evaluate", "deploy"]


class PlannedStep(FrozenModel):
    """What one step of a run is forecast to take."""

    step: StepName
    """The jobs of that name; `deploy`: until the endpoint answers."""
    hours: float
    """From its beginning to its end, waiting and copies included."""
    usd: float


class Plan(FrozenModel):
    """One candidate: every decision, and what is expected of it."""

    id: str
    teacher: str
    student: str
    method: Method
    precision: Precision
    training: Server
    serving: Server
    """With serverless hosting, a stand-in for the processors, which AWS does not name."""
    hosting: PlannedHosting = PlannedHosting(
        mode="realtime", reason="planned before plans chose among hosting modes"
    )
    engine: PlannedEngine | None = None
    """None in plans from before engines were planned."""
    instance_engine: PlannedEngine | None = None
    """The same engine as it would be told on the planned server itself, where the endpoint has
    none: serverless gives each container one request. None elsewhere, in older plans, and where
    the server could not hold it."""
    precision_reason: str = ""
    """Of a choice that is served by CPUs: what this and other precisions take and lose there."""
    strategy: StrategyName | None = None
    """None before the teacher has been probed."""
    misses: tuple[str, ...] = ()
    """Constraints that the plan is expected to miss, with the figures: it is no more than possible
    that it holds them. None in older plans."""
    accuracy: Interval
    p50_latency_ms: Interval
    p95_latency_ms: Interval
    prefill_tokens_per_second: float
    """Prompt tokens over the time to a one-token answer, of a request alone."""
    decode_tokens_per_second: float
    """Of a request alone."""
    requests_per_second: Interval
    """What the fleet sustains within its latency."""
    hours_to_deploy: Interval
    usd_to_deploy: Interval
    usd_per_month: Interval
    """Hosting under the declared load."""
    usd_per_1000_requests: Interval | None = None
    """The same, divided by the requests of a month; None in older plans."""
    training_tokens_per_second: float
    """Predicted, for calibration against what the job measures."""
    num_training_tokens: float
    num_records: float | None = None
    """Verified records that training is forecast to have; None in older plans."""
    synthesis_servers: Annotated[int, Field(exclude_if=lambda servers: servers == 1)] = 1
    """That share synthesis; `caveats` say why, if there is more than one."""
    evaluation_servers: Annotated[int, Field(exclude_if=lambda servers: servers == 1)] = 1
    steps: Annotated[tuple[PlannedStep, ...], Field(exclude_if=lambda steps: not steps)] = ()
    """In their order; together they are what `hours_to_deploy` and `usd_to_deploy` add to what was
    spent before. Empty in older plans."""
    calibration: dict[str, float] = Field(default_factory=dict)
    """Correction of each predicted quantity by finished runs, already applied."""
    caveats: tuple[str, ...] = ()
    """Old or derived prices, assumed rates, quota unknown."""
    elsewhere: Annotated[TrainedElsewhere | None, Field(exclude_if=lambda found: found is None)] = (
        None
    )
    """None where jobs run beside their data, in a region that has refused nothing lately."""
    origins: Annotated[tuple[PlannedOrigin, ...], Field(exclude_if=lambda found: not found)] = ()
    """Empty if the spec names none. `p95_latency_ms` is that of the one that is served worst."""
    beyond_home_ms: Annotated[float, Field(exclude_if=lambda found: found == 0)] = 0.0
    """Of its latencies, what the origin that is served worst has more of the network than a client
    in the stack's region, where the endpoint is measured."""
    more_endpoints: Annotated[
        tuple[PlannedEndpoint, ...], Field(exclude_if=lambda found: not found)
    ] = ()
    """In other regions; `serving` is the one with the most requests. Dollars and requests per
    second of the plan are those of all of them."""

    @property
    def copying_hours(self) -> float:
        """That its jobs wait for copies between regions."""
        return 0.0 if self.elsewhere is None else self.elsewhere.copying_hours

    @property
    def regions(self) -> tuple[str, ...]:
        """Where it serves: the region with the most requests first."""
        return (self.serving.region, *(more.server.region for more in self.more_endpoints))


Outcome = Literal["holds", "likely", "unknown", "misses"]
"""`holds`: all of the forecast's 95% interval does. `likely`: its middle does. `unknown`: nothing
can be told before it is probed or measured. `misses`: the middle does not."""


class ForecastVerdict(FrozenModel):
    """One constraint: what was asked, what is forecast, and whether that holds it."""

    name: str
    """Of the field in `constraints`."""
    asked: float | tuple[str, ...]
    """A number, or the names that are allowed."""
    forecast: Interval | tuple[str, ...] | None
    """In the unit of `asked`; None of what only a measurement shows. Of `min_accuracy`: the share
    of right answers, of which the lower end on the held-out records counts."""
    outcome: Outcome
    note: str = ""
    """What finding out costs, or what the forecast does not show."""
    by_default: bool = False
    """Nobody asked for it: the spec names none, and the stack has one."""


class PlanSet(FrozenModel):
    """The choice, and the front it was made from."""

    chosen: Plan
    fallbacks: tuple[Plan, ...]
    """Runners-up, in the order they would be tried."""
    alternatives: dict[str, Plan]
    """`cheapest`, `fastest`, `most_accurate`, `soonest`, `knee`; and `full_precision` where the
    choice is quantised: the same training, served unquantised. Where every plan is expected to miss
    a constraint, `nearest_to_min_accuracy` stands in the place of `most_accurate`."""
    front: tuple[Plan, ...]
    """Non-dominated feasible plans, best score first; at most 500."""
    front_size: int
    num_candidates: int
    binding: tuple[str, ...]
    """Constraints without which a better plan would have been chosen."""
    rejected: dict[str, str] = Field(default_factory=dict)
    """Model or server → why it was excluded before any comparison."""
    regions: Annotated[dict[str, str], Field(exclude_if=lambda found: not found)] = Field(
        default_factory=dict
    )
    """Region → why it was not chosen. Empty where there was no choice."""
    verdicts: Annotated[tuple[ForecastVerdict, ...], Field(exclude_if=lambda found: not found)] = ()
    """What the choice makes of each constraint that the spec gives. Empty in older plans."""
    infeasible: Annotated[str, Field(exclude_if=lambda why: not why)] = ""
    """Why no plan holds every constraint: then the plans here are the nearest to it, with what
    they miss. Empty where one does; a run is never made from such plans."""
    seconds: float


class Matching(FrozenModel):
    """The choice after probing."""

    plan: Plan
    strategy: StrategyName
    reason: str
    """In words, with the numbers it rests on."""
    plans: PlanSet
    overturned: str | None = None
    """What the probes changed against the first plan, in words."""
