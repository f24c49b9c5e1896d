"""Predicted beside measured on this machine, for models and lengths not used in calibration.

Measured with the project's own trainer and llama.cpp, in float32 on one thread. Seconds are those
of the process's CPU, so that whatever else runs on the machine does not count; one thread makes
them equal to wall-clock seconds on an idle core.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from benchmarks.llama_cpp_requests import ask
from benchmarks.planner_requests import check
from benchmarks.random_gguf import write_random
from serving.llama_cpp.process import LlamaServer
from stratos.catalog.cards import card_from_config
from stratos.catalog.local import local_server, measure_rates
from stratos.catalog.safetensors import StoredTensor
from stratos.catalog.servers import InstanceType
from stratos.contracts.calibration import CalibrationRow
from stratos.planning.forecast.rates import Serving, Types, replica_rates
from stratos.planning.forecast.server_table import ServerRow, ServerTable
from stratos.planning.forecast.serving_cost import RequestShape, latency_seconds
from stratos.planning.forecast.training_rates import StudentTraining, step_rate
from stratos.planning.forecast.transformer import Transformer, transformer
from stratos.spec import CpuPrecision, Training
from training.learning.optimizer import Optimizers
from training.objectives.losses import cross_entropy
from training.student.batches import TokenizedExample, micro_batches

MICRO_TOKENS = 4_096


@dataclass(frozen=True)
class Case:
    """One model at one length: calibrated on, or predicted for."""

    hidden: int
    layers: int
    prompt_tokens: int
    output_tokens: int
    batch_tokens: int
    calibrates: bool

    @property
    def sequence_tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens


CASES = (
    Case(64, 2, 40, 30, 2_048, calibrates=True),
    Case(160, 5, 60, 40, 4_096, calibrates=True),
    Case(384, 3, 100, 40, 2_048, calibrates=True),
    Case(96, 4, 30, 50, 4_096, calibrates=False),
    Case(128, 6, 200, 60, 2_048, calibrates=False),
    Case(256, 4, 64, 64, 2_048, calibrates=False),
    Case(320, 2, 300, 30, 3_072, calibrates=False),
    Case(512, 4, 50, 40, 1_024, calibrates=False),
)


def config_of(case: Case) -> Qwen3Config:
    heads = case.hidden // 32
    return Qwen3Config(
        hidden_size=case.hidden,
        num_hidden_layers=case.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=32,
        intermediate_size=3 * case.hidden,
        vocab_size=512,
        tie_word_embeddings=True,
        max_position_embeddings=1_024,
    )


def measured_training(case: Case, model: Qwen3ForCausalLM) -> float:
    """Tokens per CPU-second of whole optimizer steps, the median of three after a warm-up."""
    rng = np.random.default_rng(0)
    rows = case.batch_tokens // case.sequence_tokens
    examples = [
        TokenizedExample(rng.integers(5, 500, case.sequence_tokens).tolist(), case.prompt_tokens)
        for _ in range(rows)
    ]
    optimizers = Optimizers(model, Training(), 1e-4)
    head = model.get_output_embeddings()
    found = []
    model.train()
    for step in range(4):
        started = time.process_time()
        for batch in micro_batches(examples, MICRO_TOKENS):
            states = model.base_model(input_ids=batch.tokens, use_cache=False).last_hidden_state
            loss = cross_entropy(head(states[batch.predicts]), batch.targets)
            (loss / len(batch.targets)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(optimizers.parameters, 1.0)
        optimizers.step(1.0)
        if step:
            found.append(rows * case.sequence_tokens / (time.process_time() - started))
    return statistics.median(found)


def measured_latency_ms(
    case: Case, shape: Transformer, precision: CpuPrecision = "float32"
) -> float:
    """CPU milliseconds of one request alone in llama.cpp, the median of five after a warm-up."""
    context = str(case.sequence_tokens + 8)
    prompt = [5 + i % 400 for i in range(case.prompt_tokens)]
    with tempfile.TemporaryDirectory() as folder:
        gguf = Path(folder) / "model.gguf"
        write_random(gguf, shape, precision)
        arguments = ["--ctx-size", context, "--parallel", "1", "--threads", "1"]
        with LlamaServer(gguf, [*arguments, "--cache-ram", "0"]) as server:
            found = []
            for _ in range(6):
                started = cpu_seconds(server.pid)
                ask(server, prompt, case.output_tokens)
                found.append((cpu_seconds(server.pid) - started) * 1e3)
    return statistics.median(found[1:])


def cpu_seconds(pid: int) -> float:
    """That all threads of a process have run, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def types_of(server: InstanceType, rows: tuple[CalibrationRow, ...] = ()) -> Types:
    price = server.price("anywhere", "training")
    assert price is not None
    return Types(ServerTable([ServerRow(server, 1, "anywhere", "on_demand", price)]), rows)


def predicted_training(case: Case, shape: Transformer, types: Types) -> float:
    training = StudentTraining(
        shape,
        "full",
        "float32",
        case.sequence_tokens,
        case.batch_tokens,
        lora_rank=16,
        learned_share=case.output_tokens / case.sequence_tokens,
    )
    return float(step_rate(types, training).tokens_per_second[0])


def predicted_latency_ms(
    case: Case, shape: Transformer, types: Types, precision: CpuPrecision = "float32"
) -> float:
    """The median of a request on an idle engine, without a proxy."""
    serving = Serving("float32", precision, case.sequence_tokens)
    rates, _ = replica_rates(types, shape, serving, case.sequence_tokens)
    request = RequestShape(case.prompt_tokens, case.output_tokens)
    seconds = latency_seconds(
        shape, request, np.array([1e-6]), rates, -rates.request_seconds, percentile=0.5
    )
    return float((seconds * types.corrections("p95_latency_ms", shape))[0] * 1e3)


def calibration_row(quantity: str, shape: Transformer, pair: tuple[float, float]) -> CalibrationRow:
    return CalibrationRow.model_validate(
        {
            "run_id": "benchmark",
            "instance_type": "ml.local.cpu1",
            "quantity": quantity,
            "num_parameters": round(shape.parameters),
            "predicted": pair[0],
            "measured": pair[1],
        }
    )


def measured_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    server = local_server(1, measure_rates(1))
    plain = types_of(server)
    found = []
    calibration: list[CalibrationRow] = []
    for case in CASES:
        config = config_of(case)
        model = Qwen3ForCausalLM(config)
        tensors = [
            StoredTensor(name, "F32", tuple(one.shape)) for name, one in model.named_parameters()
        ]
        shape = transformer(card_from_config("student", config.to_dict(), tensors))
        assert shape.parameters == sum(p.numel() for p in model.parameters())
        training = (predicted_training(case, shape, plain), measured_training(case, model))
        latency = (predicted_latency_ms(case, shape, plain), measured_latency_ms(case, shape))
        found.append((case, shape, training, latency))
        if case.calibrates:
            calibration.append(calibration_row("training_tokens_per_second", shape, training))
            calibration.append(calibration_row("p95_latency_ms", shape, latency))
    learned = types_of(server, tuple(calibration))
    rows: list[dict[str, Any]] = []
    for case, shape, training, latency in found:
        calibrated = (
            predicted_training(case, shape, learned),
            predicted_latency_ms(case, shape, learned),
        )
        rows.append(
            {
                "model": f"{case.hidden}x{case.layers}",
                "tokens": f"{case.prompt_tokens}+{case.output_tokens}",
                "used_to": "calibrate" if case.calibrates else "test",
                "train_tok_s": training[1],
                "uncalibrated": training[0],
                "calibrated": calibrated[0],
                "p50_ms": latency[1],
                "p50_uncalibrated": latency[0],
                "p50_calibrated": calibrated[1],
            }
        )
    return rows, error_checks([row for row in rows if row["used_to"] == "test"])


def error_checks(tested: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean absolute errors of what was predicted, with and without calibration."""

    def error(predicted: str, measured: str) -> float:
        errors = [abs(float(r[predicted]) / float(r[measured]) - 1) for r in tested]
        return 100 * statistics.mean(errors)

    return [
        check(
            "training tokens/s, mean absolute percentage error",
            error("calibrated", "train_tok_s"),
            20,
            "lower",
        ),
        check(
            "p50 latency, mean absolute percentage error",
            error("p50_calibrated", "p50_ms"),
            20,
            "lower",
        ),
        check(
            "training tokens/s, the same before calibration",
            error("uncalibrated", "train_tok_s"),
            20,
            "lower",
        ),
        check(
            "p50 latency, the same before calibration",
            error("p50_uncalibrated", "p50_ms"),
            20,
            "lower",
        ),
    ]
