"""Training rates of every server for one student, on as many of its devices as make it fastest."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from stratos.catalog.servers import InstanceType, Runtime
from stratos.contracts.plan import Precision
from stratos.planning.arrays import Floats, Mask
from stratos.planning.forecast.devices import (
    link_bytes_per_second,
    most_micro_tokens,
    step_tokens,
    training_counts,
)
from stratos.planning.forecast.engine import (
    BYTES_PER_PARAMETER,
    EFFICIENCIES,
    bytes_per_second,
    dispatch_factor,
    flop_per_second,
)
from stratos.planning.forecast.memory import (
    TrainingMemory,
    adapter_parameters,
    fits,
    reading_gib,
)
from stratos.planning.forecast.rates import NO_RATE, Types
from stratos.planning.forecast.training_cost import (
    TrainingRates,
    optimizer_flop,
    sharding_bytes,
    training_tokens_per_second,
)
from stratos.planning.forecast.transformer import Transformer
from stratos.spec import Method, OptimizerName

UPDATE_BYTES = 44.0
"""Read and written of a trained parameter in one update: weight, gradient and two moments, and the
gradient twice more to clip it."""
UPDATES_IN: dict[Runtime, Precision] = {"cpu": "float32", "cuda": "bfloat16", "neuron": "bfloat16"}
"""What Muon orthogonalises in."""


@dataclass(frozen=True)
class StudentTraining:
    """What is trained, and in which portions.

    Attributes:
        writes: The student writes its own samples.
        learned_share: Of the tokens that carry a loss.
        teacher: Whose distribution the student learns from; None where there is none.
        asked_once: It is asked about every record before training, and not kept.
    """

    model: Transformer
    method: Method
    precision: Precision
    sequence_tokens: float
    batch_tokens: float
    lora_rank: int
    writes: bool = False
    learned_share: float = 1.0
    optimizer: OptimizerName = "adamw"
    teacher: Transformer | None = None
    asked_once: bool = False

    @property
    def online(self) -> Transformer | None:
        """The teacher, if it is asked about every batch while the student learns."""
        return None if self.asked_once else self.teacher

    @property
    def bytes_per_value(self) -> float:
        return BYTES_PER_PARAMETER[self.precision]

    def held_tokens(self, instance: InstanceType, devices: int) -> float:
        """Tokens of one micro-batch, at most."""
        part = step_tokens(self.batch_tokens, self.sequence_tokens, devices)
        most = most_micro_tokens(instance.runtime, self.model.parameters)
        return max(self.sequence_tokens, min(part, most))

    def passes(self, instance: InstanceType, devices: int) -> int:
        """Micro-batches of the busiest process in a step; a CPU's are in its fitted figures."""
        if instance.runtime == "cpu":
            return 1
        part = step_tokens(self.batch_tokens, self.sequence_tokens, devices)
        return ceil(part / self.held_tokens(instance, devices))

    def memory(self, instance: InstanceType, devices: int) -> TrainingMemory:
        """What each device holds, with activations computed again."""
        return TrainingMemory(
            self.model,
            self.method,
            self.bytes_per_value,
            self.held_tokens(instance, devices),
            self.lora_rank,
            instance.runtime,
            self.optimizer,
            self.teacher,
            self.asked_once,
            num_devices=devices,
            writes=self.writes,
        )

    def fits(self, instance: InstanceType, devices: int) -> bool:
        """In the memory of each device and of their host, where each process reads the models."""
        read = reading_gib(self.model, self.method, self.bytes_per_value, devices, self.teacher)
        reads = (instance.runtime != "cpu" and devices == 1) or fits(read, instance.memory_gib)
        return reads and fits(self.memory(instance, devices).gib, instance.device_memory_gib)

    def update_seconds(self, instance: InstanceType, devices: int) -> float:
        """Of one optimizer step on each device, beside what its tokens take."""
        trained = self.model.parameters
        if self.method == "lora":
            trained = adapter_parameters(self.model, self.lora_rank)
        moved = UPDATE_BYTES * trained / devices
        peak = flop_per_second(instance, UPDATES_IN[instance.runtime]) or NO_RATE
        share = EFFICIENCIES[instance.runtime].training
        products = optimizer_flop(self.model, self.optimizer) / (peak * share)
        return products + moved / (bytes_per_second(instance) or NO_RATE)


@dataclass(frozen=True)
class StepRate:
    """Training on each server. Arrays run over servers.

    Attributes:
        tokens_per_second: As finished runs have corrected it.
        possible: Whether the training state fits.
        devices: That train together on one instance.
    """

    tokens_per_second: Floats
    possible: Mask
    devices: Floats


def step_rate(types: Types, training: StudentTraining) -> StepRate:
    """Rate of every server's instance, with the number of devices that trains fastest there."""
    choices = [
        (position, count)
        for position, instance in enumerate(types.instances)
        for count in training_counts(instance)
    ]
    rates, possible = _rates(types, training, choices)
    best: dict[int, int] = {}
    for row, (position, _) in enumerate(choices):
        known = best.setdefault(position, row)
        # Of equally fast numbers, the fewest devices.
        if (possible[row], possible[row] * rates[row]) > (
            possible[known],
            possible[known] * rates[known],
        ):
            best[position] = row
    chosen = np.array([best[position] for position in range(len(types.instances))])[types.index]
    counts = np.array([count for _, count in choices], dtype=np.float64)
    return StepRate(rates[chosen], possible[chosen], counts[chosen])


def _rates(
    types: Types, training: StudentTraining, choices: list[tuple[int, int]]
) -> tuple[Floats, Mask]:
    """Tokens per second, and whether it fits, for every choice of instance type and number."""
    model, method, size = training.model, training.method, training.bytes_per_value
    rows = [(types.instances[position], count) for position, count in choices]
    peaks = [flop_per_second(instance, training.precision) for instance, _ in rows]
    efficiencies = [EFFICIENCIES[instance.runtime] for instance, _ in rows]
    passes = [training.passes(instance, count) for instance, count in rows]
    traffic = {count: sharding_bytes(model, method, size, count) for _, count in choices}
    rates = TrainingRates(
        flop_per_second=np.array([NO_RATE if peak is None else peak for peak in peaks]),
        matrices=np.array([e.training * e.at_width(model.hidden_size) for e in efficiencies]),
        attention=np.array([e.attention for e in efficiencies]),
        elementwise_flop=np.array([e.elementwise_flop for e in efficiencies]),
        # The backward pass dispatches about twice as much as the forward pass.
        step_seconds=np.array(
            [
                3 * (e.step_seconds + model.layers * e.layer_seconds) * dispatch_factor(i) * number
                + training.update_seconds(i, count)
                for (i, count), e, number in zip(rows, efficiencies, passes, strict=True)
            ]
        ),
        largest_part=np.array(
            [
                step_tokens(training.batch_tokens, training.sequence_tokens, count)
                / training.batch_tokens
                for _, count in choices
            ]
        ),
        link_seconds=np.array(
            [
                number * traffic[count] / link_bytes_per_second(instance)
                for (instance, count), number in zip(rows, passes, strict=True)
            ]
        ),
    )
    tokens = training_tokens_per_second(
        model,
        method,
        training.sequence_tokens,
        training.batch_tokens,
        rates,
        learned_share=training.learned_share,
        teacher=training.online,
    )
    if types.calibration:
        quantity = "training_tokens_per_second"
        tokens = tokens * np.array(
            [types.correction(instance, quantity, model, count).factor for instance, count in rows]
        )
    possible = [
        peak is not None and training.fits(instance, count)
        for peak, (instance, count) in zip(peaks, rows, strict=True)
    ]
    return np.asarray(tokens, dtype=np.float64), np.array(possible, dtype=np.bool_)
