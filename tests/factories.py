"""Inputs for tests: specs, datasets, model folders and servers as small as they may be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from math import prod
from typing import Any

import yaml

from stratos.catalog.images import runtime_of
from stratos.catalog.servers import InstanceType, Price, ServerCatalog
from stratos.contracts.distillation import CurvePoint, DistillResult
from stratos.contracts.jobs import (
    EvaluatedExample,
    EvaluateResult,
    PrecisionScore,
    ProbeResult,
    Progress,
    SynthesizeResult,
)
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import (
    EngineName,
    Interval,
    Matching,
    Plan,
    PlannedEngine,
    PlannedHosting,
    PlanSet,
    ServedPrecision,
    Server,
)
from stratos.contracts.run import RunRef, RunRow
from stratos.contracts.served import Served, ServedOrigin, ServedRegion
from stratos.contracts.time_limit import TimeLimit
from stratos.hosting.model_package import Lineage
from stratos.hosting.names import DEFAULT_STACK, StackNames
from stratos.hosting.order import Artifact, LiveEndpoint, Order
from stratos.pipeline.steps import TrainingJob
from stratos.spec import ModeName, Spec, Teacher, Weights
from stratos.statistics.mcnemar import Comparison
from stratos.statistics.wilson import proportion

AS_OF = date(2026, 1, 1)


def spec_dict(**sections: Any) -> dict[str, Any]:
    """A spec that is accepted, with whole sections replaced or added."""
    base: dict[str, Any] = {
        "version": 1,
        "name": "tiles",
        "task": {
            "dataset": "dataset.jsonl",
            "verifier": {"kind": "set"},
            "checker": "checks.py",
            "probe_records": 40,
            "heldout_records": 60,
        },
        "teachers": [{"kind": "weights", "path": "models/teacher"}],
        "students": [{"path": "models/student"}],
        "constraints": {
            "min_accuracy": 0.05,
            "max_p95_latency_ms": 60_000,
            "max_training_hours": 1,
            "max_budget_usd": 5,
        },
        "load": {"requests_per_second": 5, "measure_seconds": 2},
        "synthesis": {"max_new_tokens": 64},
    }
    return base | sections


def spec_text(**sections: Any) -> str:
    return yaml.safe_dump(spec_dict(**sections), sort_keys=False)


def spec(**sections: Any) -> Spec:
    return Spec.model_validate(spec_dict(**sections))


def dataset_rows(count: int = 400) -> list[dict[str, Any]]:
    """Questions whose answer is a set of two tiles; rows 2i and 2i + 1 are of one group."""
    return [
        {
            "id": f"hand-{i}",
            "prompt": f"Hand: m{100_000 + 7 * i} s{i % 9}. Which tiles complete it?",
            "completion": f"s{i % 9} s{(i + 3) % 9}",
            "group": f"g{i // 2}",
        }
        for i in range(count)
    ]


def answer_to(question: str) -> str:
    """What a good student says to one of the questions of `dataset_rows`."""
    found = re.search(r"s(\d)\. Which", question)
    assert found is not None, question
    first = int(found[1])
    return f"thinking\n#### s{first} s{(first + 3) % 9}"


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def qwen2_tensors(width: int = 32, layers: int = 2) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what `model_files` describes."""
    half, inner = width // 2, 4 * width
    layer: dict[str, tuple[int, ...]] = {
        "input_layernorm.weight": (width,),
        "self_attn.q_proj.weight": (width, width),
        "self_attn.q_proj.bias": (width,),
        "self_attn.k_proj.weight": (half, width),
        "self_attn.k_proj.bias": (half,),
        "self_attn.v_proj.weight": (half, width),
        "self_attn.v_proj.bias": (half,),
        "self_attn.o_proj.weight": (width, width),
        "post_attention_layernorm.weight": (width,),
        "mlp.gate_proj.weight": (inner, width),
        "mlp.up_proj.weight": (inner, width),
        "mlp.down_proj.weight": (width, inner),
    }
    return {
        "model.embed_tokens.weight": (500, width),
        **{f"model.layers.{i}.{k}": v for i in range(layers) for k, v in layer.items()},
        "model.norm.weight": (width,),
    }


def safetensors_file(tensors: Mapping[str, tuple[int, ...]], dtype: str = "BF16") -> bytes:
    """A file of zeros with these tensors, two bytes a number."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in tensors.items():
        start, end = end, end + 2 * prod(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)


CHAT_TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|assistant|>"


def model_files(width: int = 32, layers: int = 2) -> dict[str, bytes]:
    """A model folder as far as anything but a training job looks into it."""
    config = {
        "model_type": "qwen2",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 4 * width,
        "vocab_size": 500,
        "tie_word_embeddings": True,
    }
    characters = [chr(code) for code in range(33, 127)]
    vocabulary = {piece: i for i, piece in enumerate([*characters, "Ġ", "Hand", "Ġtiles"])}
    tokenizer = {
        "model": {"type": "BPE", "vocab": vocabulary, "merges": [["H", "a"]]},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
    }
    return {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": safetensors_file(qwen2_tensors(width, layers)),
        "tokenizer.json": json.dumps(tokenizer).encode(),
        "tokenizer_config.json": json.dumps({"chat_template": CHAT_TEMPLATE}).encode(),
    }


def spec_folder(**sections: Any) -> dict[str, bytes]:
    """Every file of a spec's folder, the spec last: its upload starts a run."""
    files = {
        "dataset.jsonl": jsonl(dataset_rows()),
        "checks.py": b"def check(question, answer, rationale):\n    return []\n",
        "spec.yaml": spec_text(**sections).encode(),
    }
    folders: Mapping[str, dict[str, bytes]] = {
        "models/teacher": model_files(64, 4),
        "models/student": model_files(32, 2),
    }
    models = {f"{folder}/{name}": data for folder, m in folders.items() for name, data in m.items()}
    return models | files


def instance_type(name: str, usd_per_hour: float, gflops: float) -> InstanceType:
    prices = tuple(
        Price(
            region="*",
            component=component,
            usd_per_hour=usd_per_hour,
            kind="notional",
            grade="B",
            as_of=AS_OF,
            source="test",
        )
        for component in ("training", "hosting")
    )
    return InstanceType(
        instance_type=name,
        vcpu=2,
        memory_gib=8,
        tflops_16bit=gflops / 1000,
        tflops_32bit=gflops / 1000,
        memory_bandwidth_gb_per_s=10,
        bfloat16=False,
        training=True,
        hosting=True,
        measured=True,
        dispatch_us=5,
        prices=prices,
        source="test",
    )


def servers() -> ServerCatalog:
    return ServerCatalog(
        as_of=AS_OF,
        instance_types=(
            instance_type("ml.local.cpu1", 0.05, 30),
            instance_type("ml.local.cpu2", 0.10, 55),
        ),
    )


# --- what jobs answer -------------------------------------------------------------------------

COST = {"seconds": 10.0, "usd": 0.01}


def probe_result(role: str, model: str, right: int, asked: int = 200) -> ProbeResult:
    return ProbeResult.model_validate(
        {
            **COST,
            "model": model,
            "role": role,
            "accuracy": proportion(right, asked),
            "reverse_yield": proportion(30, 40) if role == "teacher" else None,
            "tokens_per_second": 5000.0,
            "mean_prompt_tokens": 25.0,
            "mean_completion_tokens": 50.0,
            "num_parameters": 200_000 if role == "teacher" else 60_000,
            "tokenizer_hash": "t",
            "vocabulary_size": 500,
        }
    )


def progress(usd: float) -> Progress:
    """A synthesis half done, after so much was paid for its teacher's tokens."""
    return Progress(
        step="synthesize",
        label="teacher",
        done=150,
        total=300,
        unit="calls",
        seconds=5,
        usd=usd,
    )


def synthesize_result() -> SynthesizeResult:
    return SynthesizeResult(
        **COST,
        strategy="injection",
        asked=300,
        kept=240,
        calls=600,
        yield_by_strategy={"injection": proportion(240, 300)},
        rejects={"checker": 60},
        tokens_per_second=5000,
        mean_completion_tokens=50,
    )


def distill_result() -> DistillResult:
    point = CurvePoint(step=100, seconds=9, tokens=90_000, loss=0.4, learning_rate=1e-3)
    return DistillResult(
        **COST,
        steps=100,
        planned_steps=100,
        stopped_by="finished",
        resumed_from_step=None,
        training_tokens=90_000,
        tokens_per_second=9000,
        final_loss=0.4,
        best_validation_loss=None,
        curve=(point,),
        num_parameters=61_000,
        num_trainable_parameters=61_000,
        weights_sha256="0" * 64,
        peak_memory_mib=300,
    )


def cut_training() -> DistillResult:
    """One that its deadline ended, with what it would have needed."""
    return distill_result().model_copy(
        update={
            "steps": 70,
            "planned_steps": 650,
            "stopped_by": "deadline",
            "needed_hours": 0.9,
            "time_limit": TimeLimit(max_training_hours=0.2),
        }
    )


def evaluated_quantised(right: int, right_in_full: int, asked: int = 600) -> EvaluateResult:
    """A student that was scored in q8_0 and in float16 by llama.cpp."""
    full = evaluate_result(right_in_full, 20, asked)
    return evaluate_result(right, 20, asked).model_copy(
        update={
            "engine": "llama.cpp b10566",
            "precision": "q8_0",
            "full_precision": PrecisionScore(
                precision="float16",
                accuracy=full.student,
                comparisons=full.comparisons,
                mean_completion_tokens=50,
            ),
        }
    )


def evaluate_result(
    right: int = 45, untuned: int = 2, asked: int = 60, *comparisons: Comparison
) -> EvaluateResult:
    against_untuned = Comparison(
        other="untuned_student",
        only_student_right=max(0, right - untuned),
        only_other_right=0,
        p_value=1e-6 if right > untuned + 5 else 0.6,
    )
    return EvaluateResult(
        **COST,
        student=proportion(right, asked),
        teacher=proportion(1, asked),
        untuned_student=proportion(untuned, asked),
        baselines={"constant_answer": proportion(3, asked)},
        comparisons=(against_untuned, *comparisons),
        mean_completion_tokens=50,
        examples=(EvaluatedExample(question="q", gold="s1", completion="s1", correct=True),),
    )


# --- what a deployment is built from ----------------------------------------------------------


def run_ref() -> RunRef:
    return RunRef(
        run_id="tiles-0123abcd",
        bucket="bucket",
        spec_key="specs/tiles/spec.yaml",
        spec_version_id="v1",
        execution_arn="arn:aws:states:us-east-1:123456789012:execution:stratos:e",
        started_at="2026-11-24T08:00:00+00:00",
    )


def job_elsewhere(run_id: str, region: str, bucket: str, assets: str) -> TrainingJob:
    """A distillation that is to run in another region, as home writes it.

    Args:
        bucket: Of home.
        assets: The bucket of home with the job's code.
    """
    run, step = f"s3://{bucket}/runs/{run_id}", "distill-a0"
    channels = {
        "code": f"s3://{assets}/0a1b2c.gz",
        "config": f"{run}/jobs/{step}/config/",
        "records": f"{run}/records/a0/",
        "student": f"s3://{bucket}/specs/tiles/models/student/",
    }
    return TrainingJob(
        step=step,
        name=f"{run_id}-{step}-0",
        attempt=0,
        image_uri=f"763104351884.dkr.ecr.{region}.amazonaws.com/image",
        hyper_parameters={},
        input_data_config=[
            {"ChannelName": name, "DataSource": {"S3DataSource": {"S3Uri": uri}}}
            for name, uri in channels.items()
        ],
        output_data_config={"S3OutputPath": f"{run}/models/", "KmsKeyId": "key-of-home"},
        resource_config={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        stopping_condition={"MaxRuntimeInSeconds": 3600},
        checkpoint_config={
            "S3Uri": f"s3://{bucket}/checkpoints/{run_id}/{step}/",
            "LocalPath": "/opt/ml/checkpoints",
        },
        environment={"AWS_DEFAULT_REGION": "us-east-1", "STRATOS_BEDROCK_ROLE_ARN": "role"},
        spot=False,
        usd_per_hour=1.0,
        result_uri=f"{run}/jobs/{step}/result.json",
        region=region,
    )


def engine(
    precision: ServedPrecision = "q8_0", name: EngineName = "llama_cpp", **changes: Any
) -> PlannedEngine:
    """What answers on a replica."""
    fields: dict[str, Any] = {"context_tokens": 1024, "slots": 8, "memory_gib": 1.5}
    return PlannedEngine.model_validate({"name": name, "precision": precision} | fields | changes)


def engine_on(instance_type: str, **changes: Any) -> PlannedEngine:
    """What answers on a server: llama.cpp with quantised weights on a CPU, else vLLM."""
    if runtime_of(instance_type) == "cuda":
        return engine(**{"precision": "bfloat16", "name": "vllm"} | changes)
    return engine(**changes)


def match_evidence(
    serving: Server,
    p95_latency_ms: float,
    mode: ModeName = "realtime",
    instead_of: tuple[str, ...] = (),
    served_by: PlannedEngine | None = None,
) -> MatchEvidence:
    """A match whose plan serves on the given server in the given mode."""
    training = serving.model_copy(update={"count": 1})
    one = Interval(value=1.0, lo=0.5, hi=2.0)
    plan = Plan(
        id="p",
        teacher="teacher",
        student="student",
        method="full",
        precision="bfloat16",
        training=training,
        serving=serving,
        engine=served_by or engine_on(serving.instance_type),
        hosting=PlannedHosting(mode=mode, reason="it was the cheapest", instead_of=instead_of),
        strategy="injection",
        accuracy=Interval(value=0.6, lo=0.4, hi=0.8),
        p50_latency_ms=one,
        p95_latency_ms=Interval(value=p95_latency_ms, lo=p95_latency_ms, hi=p95_latency_ms),
        prefill_tokens_per_second=1000.0,
        decode_tokens_per_second=100.0,
        requests_per_second=one,
        hours_to_deploy=one,
        usd_to_deploy=one,
        usd_per_month=one,
        training_tokens_per_second=1000.0,
        num_training_tokens=1e6,
    )
    plans = PlanSet(
        chosen=plan,
        fallbacks=(),
        alternatives={},
        front=(plan,),
        front_size=1,
        num_candidates=1,
        binding=(),
        seconds=0.1,
    )
    matching = Matching(plan=plan, strategy="injection", reason="it was told to", plans=plans)
    return MatchEvidence(
        attempt=0,
        matching=matching,
        probes=(),
        dropped={},
        tried=(),
        spent_usd=0.0,
        spent_hours=0.0,
    )


def order(
    spec: Spec,
    evidence: MatchEvidence,
    *,
    num_bytes: int = 1000,
    uri: str = "s3://bucket/model.tar.gz",
    live: LiveEndpoint | None = None,
    suffix: str = "",
    now: datetime = datetime(2026, 11, 24, tzinfo=UTC),
    servers: ServerCatalog | None = None,
    kms_key_arn: str | None = None,
    stand_ins: tuple[Plan, ...] = (),
    tool_parser: str | None = None,
) -> Order:
    """A trained model that is to be put into service."""
    return Order(
        names=StackNames(DEFAULT_STACK),
        run=run_ref(),
        spec=spec,
        evidence=evidence,
        evaluation=evaluate_result(),
        lineage=lineage(),
        artifact=Artifact(uri, num_bytes, tool_parser),
        servers=servers or ServerCatalog.aws(),
        now=now,
        live=live,
        suffix=suffix,
        kms_key_arn=kms_key_arn,
        stand_ins=stand_ins,
    )


def lineage(teacher: Teacher | None = None) -> Lineage:
    return Lineage(
        content_hash="c" * 64,
        dataset_uri="s3://bucket/runs/r/dataset/",
        metrics_uri="s3://bucket/runs/r/jobs/evaluate-a0/result.json",
        weights_sha256="0" * 64,
        teacher=teacher or Weights(path="models/teacher", licence="Apache-2.0"),
        student=Weights(hub="Qwen/Qwen3-0.6B"),
        jobs={"distill": "r-distill-a0-0"},
    )


# --- a row of the runs table ------------------------------------------------------------------


def run_row(run_id: str = "r-1", **columns: Any) -> RunRow:
    """A run of the spec `r`, which is running as long as nothing else is said."""
    ref = run_ref().model_dump() | {"run_id": run_id, "spec_key": "specs/r/spec.yaml"}
    return RunRow.model_validate(ref | {"spec_name": "r"} | columns)


def served(*regions: str, generation: int = 1, **changes: Any) -> Served:
    """A model that each of some regions serves, for its own clients; the first is home."""
    made = f"stratos-tiles-{generation:08x}"
    found = Served(
        spec_name="tiles",
        spec_key="specs/tiles/spec.yaml",
        run_id=made.removeprefix("stratos-"),
        generation=generation,
        promoted_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
        expires_at=None,
        home=regions[0],
        regions=tuple(
            ServedRegion(
                region=region,
                endpoint_name=made,
                endpoint_config_name=f"{made}-a0",
                model_name=f"{made}-a0",
                mode="realtime",
                origins=(region,),
                usd_per_hour=0.1,
            )
            for region in regions
        ),
        origins=tuple(
            ServedOrigin(
                origin=region, region=region, network_ms=1.0, p95_ms=20.0, requests_per_second=1.0
            )
            for region in regions
        ),
    )
    return found.model_copy(update=changes)
