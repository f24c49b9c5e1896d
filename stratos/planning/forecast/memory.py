"""Memory: what must fit on a device, in GiB."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stratos.catalog.servers import Runtime
from stratos.planning.forecast.transformer import Transformer
from stratos.spec import Method, OptimizerName, Training
from stratos.units import GIB

HEADROOM = 0.10
"""Of the device's reported memory, left to the allocator and the runtime."""
VLLM_RUNTIME_GIB = 1.5
"""CUDA context, graphs and activations; assumed."""

RUNTIME_GIB: dict[Runtime, float] = {"cpu": 0.42, "cuda": 0.5, "neuron": 0.5}
"""Of a job's process before any model. On a CPU: Python, torch and transformers, measured; on a
GPU: its context, assumed."""
WEIGHT_AND_GRADIENT_BYTES = 8.0
MOMENT_BYTES = 4.0
"""Of a trained parameter, all in float32: AdamW keeps two moments, Muon one of each matrix."""
BEST_BYTES = 4.0
"""Of the best weights so far, which lie in main memory."""
ONLINE_BYTES: dict[Runtime, float] = {"cpu": 4.0, "cuda": 2.0, "neuron": 2.0}
"""Of a teacher's weight: float32 on a CPU, as stored on a GPU."""
MAX_LOGITS: dict[Runtime, int] = {"cpu": 6 << 20, "cuda": 1 << 26, "neuron": 1 << 26}
"""Logits of a few tokens that training holds at once."""
_LOSS_TENSORS = {False: 4.0, True: 10.0}
"""As large as those logits: with a gradient, and where there is a teacher with its own."""


SPARSE_VOCABULARY = 16_384
"""From here on what a teacher draws of each token is kept, which is less than asking it again."""


_HOLES = 2.5
"""Of what the adapted matrices give, in memory that the heap holds and cannot use: 2.2 to 2.4 in
runs of SmolLM2, with glibc. It was 3.5 to 4.5 before adapters were added in place."""


def asked_once(training: Training, vocabulary: int) -> bool:
    """Whether the teacher is asked about every record before training, and not kept.

    Draws are an unbiased estimate of forward KL alone, on tokens that are known beforehand.

    Args:
        vocabulary: That student and teacher share.
    """
    known = training.jsd_beta == 0 and training.on_policy_fraction == 0
    return training.kd_weight > 0 and known and vocabulary >= SPARSE_VOCABULARY


def adapter_parameters(model: Transformer, rank: int) -> float:
    """LoRA on every linear layer: r · (inputs + outputs), summed (arXiv 2106.09685).

    Experts get none.
    """
    hidden, queries, keys = model.hidden_size, model.query_width, model.key_width
    attention = 2 * (hidden + queries) + 2 * (hidden + keys)
    block = 0.0 if model.experts_per_token else 3 * (hidden + model.inner_width)
    return rank * model.layers * (attention + block)


@dataclass(frozen=True)
class TrainingMemory:
    """What a job holds on one device while a student learns.

    Attributes:
        bytes_per_value: 4 or 2, as the student computes.
        micro_batch_tokens: That pass through it together.
        teacher: Whose distribution the student learns from; None where there is none.
        asked_once: Before training, and not kept; otherwise about every batch.
        checkpointed: Activations are computed again in the backward pass; jobs do so if they would
            not fit.
        num_devices: The student is sharded over so many (FSDP).
        writes: The student writes its own samples; several processes do so with a whole copy of
            it each, while no activations are held.
    """

    model: Transformer
    method: Method
    bytes_per_value: float
    micro_batch_tokens: float
    lora_rank: int
    runtime: Runtime = "cuda"
    optimizer: OptimizerName = "adamw"
    teacher: Transformer | None = None
    asked_once: bool = False
    checkpointed: bool = True
    num_devices: int = 1
    writes: bool = False

    @property
    def _online(self) -> bool:
        return self.teacher is not None and not self.asked_once

    @property
    def gib(self) -> float:
        """Most of it that is there at once: in a backward pass, or with a copy that writes."""
        if not self.writes or self.num_devices == 1:
            return self._learning_gib
        copy = self.bytes_per_value * self.model.parameters / GIB
        return max(self._learning_gib, replace(self, micro_batch_tokens=0.0)._learning_gib + copy)

    @property
    def _learning_gib(self) -> float:
        """At the start of a backward pass."""
        held = self.state / self.num_devices + self.copies + self.activations + self.loss
        held += self.holes
        if self.teacher is not None and not self.asked_once:
            held += ONLINE_BYTES[self.runtime] * self.teacher.parameters
            held += 4.0 * self.micro_batch_tokens * self.teacher.hidden_size
        return RUNTIME_GIB[self.runtime] + held / GIB

    @property
    def state(self) -> float:
        """Weights, gradients, moments, and on a CPU the best weights so far."""
        best = BEST_BYTES if self.runtime == "cpu" else 0.0
        each = WEIGHT_AND_GRADIENT_BYTES + 2 * MOMENT_BYTES + best
        if self.method == "lora":
            frozen = self.bytes_per_value * self.model.parameters
            return frozen + each * adapter_parameters(self.model, self.lora_rank)
        saved = MOMENT_BYTES * self.model.body_parameters if self.optimizer == "muon" else 0.0
        return each * self.model.parameters - saved

    @property
    def copies(self) -> float:
        """16-bit copies of float32 weights, which one device keeps until the pass is over."""
        if self.method == "lora" or self.bytes_per_value >= 4.0:
            return 0.0
        whole = self.num_devices == 1 or not self.checkpointed
        return 2.0 * self.model.parameters / (1 if whole else self.model.layers)

    @property
    def activations(self) -> float:
        """What autograd keeps of every layer; under checkpointing the inputs, and one layer."""
        kept = self._layer_bytes
        if self.checkpointed:
            width = 2.0 if self.method == "lora" and self.bytes_per_value < 4.0 else 4.0
            return self.micro_batch_tokens * (self.model.layers * width * self._hidden + kept)
        return self.micro_batch_tokens * self.model.layers * kept

    @property
    def _hidden(self) -> int:
        return self.model.hidden_size

    @property
    def _layer_bytes(self) -> float:
        """Of one token in one layer, counted in transformers' Llama (tests count it again).

        Two norms with input, normalised input and output; queries and what attention gives; keys
        and values; four tensors of the feed-forward block, of each expert with its gathered input
        and its output. Frozen norms keep no normalised input, frozen experts no input of a matrix,
        and norms compute in float32.
        """
        model, full = self.model, self.method == "full"
        wide = 2.0 * (model.query_width + model.key_width)
        if not model.experts_per_token:
            wide += 4 * model.inner_width
        elif full:
            wide += model.experts_per_token * (4 * model.inner_width + 2 * self._hidden)
        else:
            wide += model.experts_per_token * (3 * model.inner_width + self._hidden)
        adapters = 0.0 if full else (4.0 if model.experts_per_token else 7.0) * self.lora_rank
        if self.bytes_per_value >= 4.0:
            return 4.0 * ((6 if full else 4) * self._hidden + wide + adapters)
        return (26 if full else 20) * self._hidden + 2.0 * (wide + adapters)

    @property
    def holes(self) -> float:
        """Main memory that the heap cannot use again, and does not give back, on a CPU.

        Temporaries leave holes between tensors that stay, those of a teacher's loss as well.
        Gradients of the tables come when activations are gone, but their pages are not.
        """
        if self.runtime != "cpu":
            return 0.0
        model = self.model
        taught = 4.0 * self._logits * _LOSS_TENSORS[True] if self._online else 0.0
        if self.method == "full":
            return taught + 2 * 4.0 * model.table_parameters
        outputs = self._hidden + model.query_width + 2.0 * model.key_width
        if not model.experts_per_token:
            outputs += self._hidden + 2 * model.inner_width
        each = self.bytes_per_value * outputs
        layers = 1 if self.checkpointed else model.layers
        return taught + _HOLES * self.micro_batch_tokens * layers * each

    @property
    def _logits(self) -> float:
        return min(MAX_LOGITS[self.runtime], self.micro_batch_tokens * self.model.vocabulary)

    @property
    def loss(self) -> float:
        """Some tokens' logits with what a loss makes of them, and the gradient of the head."""
        model = self.model
        held = 4.0 * self._logits * _LOSS_TENSORS[self._online]
        # All tokens' last hidden states with their gradient.
        held += 2 * self.bytes_per_value * self.micro_batch_tokens * self._hidden
        if self.method == "full":
            held += 4.0 * model.table_parameters
        return held


def reading_gib(
    model: Transformer,
    method: Method,
    bytes_per_value: float,
    num_devices: int,
    teacher: Transformer | None = None,
) -> float:
    """Main memory of a host whose processes each read the whole model before it is sharded.

    On a CPU the file's own 16 bits are there beside what they become. A teacher is read last.
    """
    stored = 4.0 if method == "full" else bytes_per_value
    read = (stored + 2.0) * model.parameters
    if teacher is not None:
        read = max(read, stored * model.parameters + 6.0 * teacher.parameters)
    return num_devices * (RUNTIME_GIB["cpu"] + read / GIB)


def vllm_gib(
    model: Transformer, bytes_per_value: float, cached_tokens: float, there_gib: float
) -> float:
    """What a replica of vLLM holds: weights, keys and values, and its own runtime, within its GPUs.

    It reserves the rest of its share of the memory for more keys and values.
    """
    values = model.parameters + cached_tokens * model.kv_values_per_token
    return min(there_gib, values * bytes_per_value / GIB + VLLM_RUNTIME_GIB)


def fits(needed_gib: float, there_gib: float) -> bool:
    """Whether it fits into the memory of a device or a host, with headroom."""
    return needed_gib <= there_gib * (1 - HEADROOM)
