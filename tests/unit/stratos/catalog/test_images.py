"""Container images by region and hardware."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stratos.catalog.images import (
    architecture_of,
    image_uri,
    images,
    runtime_of,
    serving_image,
    why_not_served,
)


def test_images_are_those_of_the_region_and_the_hardware() -> None:
    assert image_uri("training", "eu-west-1", "ml.g5.xlarge") == (
        "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch:2.13-cu133-amzn2023-sagemaker"
    )
    assert image_uri("training", "eu-south-1", "ml.c7i.xlarge").startswith("692866216735.")
    assert ".amazonaws.com.cn/" in image_uri("llama_cpp", "cn-north-1", "ml.c7i.xlarge")
    for region, named in (("eu-west-1", "eu-west-1"), ("nowhere", "us-east-1")):
        local = image_uri("llama_cpp", region, "ml.local.cpu2")
        assert local == image_uri("llama_cpp", named, "ml.c7i.xlarge")


def test_an_image_that_does_not_exist_is_refused_with_what_does() -> None:
    with pytest.raises(ValueError, match="llm images exist for cuda on x86_64"):
        image_uri("llm", "us-east-1", "ml.c7i.xlarge")
    with pytest.raises(ValueError, match="in 'mars-1'; offered in af-south-1"):
        image_uri("training", "mars-1", "ml.g5.xlarge")
    with pytest.raises(ValueError, match=r"runs on ml\.trn1\.2xlarge \(neuron on x86_64\)"):
        image_uri("training", "us-east-1", "ml.trn1.2xlarge")


def test_every_region_of_an_image_has_a_registry_account() -> None:
    table = images()
    assert all(region in table.accounts for row in table.images for region in row.regions)
    assert all(len(account) == 12 for account in table.accounts.values())


@pytest.mark.parametrize(
    ("instance_type", "runtime", "architecture"),
    [
        ("ml.c7g.xlarge", "cpu", "arm64"),
        ("ml.r7gd.medium", "cpu", "arm64"),
        ("ml.c6gn.large", "cpu", "arm64"),
        ("ml.t4g.medium", "cpu", "arm64"),
        ("ml.c7i.xlarge", "cpu", "x86_64"),
        ("ml.m5d.large", "cpu", "x86_64"),
        ("ml.g5.xlarge", "cuda", "x86_64"),
        ("ml.g6e.xlarge", "cuda", "x86_64"),
        ("ml.p4d.24xlarge", "cuda", "x86_64"),
        ("ml.p6-b200.48xlarge", "cuda", "x86_64"),
        ("ml.inf2.xlarge", "neuron", "x86_64"),
        ("ml.local.cpu1", "cpu", "x86_64"),
    ],
)
def test_a_g_after_the_generation_is_graviton_and_before_it_a_gpu(
    instance_type: str, runtime: str, architecture: str
) -> None:
    assert (runtime_of(instance_type), architecture_of(instance_type)) == (runtime, architecture)


def test_a_cpu_is_served_by_llama_cpp_for_its_processor() -> None:
    registry = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
    assert serving_image("us-east-1", "ml.c7i.xlarge") == (
        f"{registry}/llama-cpp:server-sagemaker-cpu-v1",
        "cpu",
        None,
    )
    assert serving_image("us-east-1", "ml.c8g.xlarge") == (
        f"{registry}/llama-cpp-arm64:server-sagemaker-cpu-v1",
        "cpu",
        None,
    )
    on_gpu = serving_image("us-east-1", "ml.g6.xlarge")
    assert "/vllm:" in on_gpu.uri
    assert f"-cu{str(on_gpu.cuda).replace('.', '')}-" in on_gpu.uri


@pytest.mark.parametrize(
    ("region", "instance_type", "reason"),
    [
        ("us-east-1", "ml.c7g.large", None),
        ("us-iso-east-1", "ml.c7g.large", "no llama_cpp image for cpu on arm64 in 'us-iso-east-1'"),
        ("us-east-1", "ml.m6gd.large", "compiled for Graviton3"),
        ("cn-north-1", "ml.g5.xlarge", "no llm image for cuda"),
    ],
)
def test_where_no_image_serves_a_model_the_reason_is_told(
    region: str, instance_type: str, reason: str | None
) -> None:
    found = why_not_served(region, instance_type)
    assert found is None if reason is None else reason in str(found)


def test_no_image_is_past_its_support_on_the_day_of_the_table() -> None:
    table = images()
    for row in table.images:
        assert row.end_of_support is None or row.end_of_support > table.as_of, row.image
        assert row.support


def test_jobs_have_the_torch_of_the_tests_and_the_python_of_their_packages() -> None:
    root = Path(__file__).parents[4]
    (torch,) = re.findall(r"^torch==(\d+\.\d+)", (root / "requirements.lock").read_text(), re.M)
    training = [row for row in images().images if row.kind == "training"]
    assert {row.runtime for row in training} == {"cpu", "cuda"}
    assert {(row.version, row.python) for row in training} == {(torch, "3.12")}


def test_jobs_run_on_x86_only() -> None:
    with pytest.raises(ValueError, match=r"no training image runs on ml\.c7g\.xlarge"):
        image_uri("training", "us-east-1", "ml.c7g.xlarge")


def test_the_wheel_is_the_build_that_the_catalog_names() -> None:
    builds = images().llama_cpp
    root = Path(__file__).parents[4]
    pins = (root / "requirements.lock", root / "training" / "requirements.txt")
    for pinned in pins:
        assert re.search(rf"^xllamacpp==.*\.{builds.wheel_build}( \\)?$", pinned.read_text(), re.M)
    assert builds.distance == 133
