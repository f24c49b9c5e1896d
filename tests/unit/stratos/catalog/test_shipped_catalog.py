"""Facts that the shipped tables must state."""

from __future__ import annotations

from datetime import date

import pytest

from stratos.catalog.check import dimensions_of, model_problems, server_problems
from stratos.catalog.images import image_uri, images
from stratos.catalog.models import (
    bedrock_card,
    bedrock_teachers,
    card_from_config,
    count_parameters,
    default_students,
    default_teachers,
    hub_card,
    hub_models,
)
from stratos.catalog.servers import ServerCatalog
from stratos.spec import Weights

AWS = ServerCatalog.aws()
TODAY = date(2026, 11, 24)


def test_an_h100_has_80_gib_and_p5_48xlarge_has_eight_of_them() -> None:
    row = AWS["ml.p5.48xlarge"]
    assert (row.accelerator, row.num_accelerators) == ("H100-SXM", 8)
    assert row.accelerator_memory_gib == 80
    assert row.tflops_16bit == 989
    assert row.memory_bandwidth_gb_per_s == 3350


@pytest.mark.parametrize(
    ("instance_type", "accelerator", "count", "gib"),
    [
        ("ml.g5.xlarge", "A10G", 1, 22.35),
        ("ml.g6.xlarge", "L4", 1, 22.35),
        ("ml.g6e.12xlarge", "L40S", 4, 44.7),
        ("ml.p4d.24xlarge", "A100-40GB", 8, 40),
        ("ml.p4de.24xlarge", "A100-80GB", 8, 80),
        ("ml.g4dn.xlarge", "T4", 1, 16),
        ("ml.inf2.48xlarge", "Inferentia2", 12, 32),
    ],
)
def test_accelerators_are_those_the_instances_have(
    instance_type: str, accelerator: str, count: int, gib: float
) -> None:
    row = AWS[instance_type]
    assert (row.accelerator, row.num_accelerators) == (accelerator, count)
    assert row.accelerator_memory_gib == pytest.approx(gib, abs=0.01)


def test_turing_and_volta_do_not_multiply_bfloat16() -> None:
    assert not AWS["ml.g4dn.xlarge"].bfloat16
    assert not AWS["ml.p3dn.24xlarge"].bfloat16
    assert AWS["ml.g5.xlarge"].bfloat16


def test_inferentia_hosts_and_does_not_train() -> None:
    row = AWS["ml.inf2.xlarge"]
    assert (row.training, row.hosting, row.runtime) == (False, True, "neuron")


def test_an_observed_price_beats_a_derived_one() -> None:
    price = AWS["ml.c7i.xlarge"].price("us-east-1", "hosting")
    assert price is not None
    assert (price.kind, price.usd_per_hour) == ("observed", 0.214)


def test_a_missing_price_is_null_and_no_price_is_free() -> None:
    assert AWS["ml.g5.xlarge"].price("mars-north-1", "training") is None
    assert all(price.usd_per_hour > 0 for row in AWS.instance_types for price in row.prices)


def test_every_instance_price_and_model_has_a_source() -> None:
    assert all(row.source for row in AWS.instance_types)
    assert all(price.source for row in AWS.instance_types for price in row.prices)
    assert all(row.source for row in hub_models().values())
    assert all(row.source for row in bedrock_teachers().values())


def test_the_only_doubts_about_servers_are_old_prices_and_b300() -> None:
    doubts = list(server_problems(AWS, TODAY))
    other = [text for text in doubts if "older than 90 days" not in text]
    assert other == ["ml.p6-b300.48xlarge: its rates are unknown, so it is never chosen"]


def test_parameter_counts_follow_from_dimensions() -> None:
    assert list(model_problems(hub_models())) == []
    wrong = hub_models()["Qwen/Qwen3-8B"].model_copy(update={"num_layers": 30})
    assert "Qwen/Qwen3-8B: its dimensions give" in next(model_problems({"x": wrong}))


def test_experts_count_only_as_far_as_a_token_passes_through_them() -> None:
    dims = dimensions_of(hub_models()["Qwen/Qwen3-30B-A3B"])
    assert count_parameters(dims) == pytest.approx(30.5e9, rel=0.01)
    assert count_parameters(dims, active=True) == pytest.approx(3.35e9, rel=0.01)


def test_a_config_json_gives_the_published_parameter_count() -> None:
    config = {
        "model_type": "qwen2",
        "hidden_size": 896,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "intermediate_size": 4864,
        "vocab_size": 151_936,
        "tie_word_embeddings": True,
    }
    card = card_from_config("Qwen2.5-0.5B", config, "Apache-2.0")
    assert card.num_parameters == 494_032_768  # as transformers counts it
    assert (card.head_dim, card.num_kv_heads) == (64, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mamba"}, "supported are qwen2, qwen3, llama"),
        ({"hidden_size": None}, "needs a positive integer hidden_size, has None"),
        ({"vocab_size": "many"}, "needs a positive integer vocab_size, has 'many'"),
    ],
)
def test_a_config_that_cannot_be_read_says_what_it_lacks(
    change: dict[str, object], message: str
) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 100,
    }
    with pytest.raises(ValueError, match=message):
        card_from_config("m", config | change)


def test_batch_inference_costs_about_half() -> None:
    now, batch = (bedrock_card("amazon.nova-pro-v1:0", batch=b) for b in (False, True))
    assert now.output_usd_per_million_tokens == 3.2
    assert batch.output_usd_per_million_tokens == 1.6


def test_a_model_that_is_not_listed_is_named_with_what_to_do() -> None:
    with pytest.raises(LookupError, match="stratos catalog show models"):
        hub_card(Weights(hub="nobody/nothing"))
    with pytest.raises(LookupError, match="stratos catalog refresh"):
        bedrock_card("nobody.nothing-v1:0")


def test_default_teachers_live_on_and_default_students_are_small() -> None:
    teachers = default_teachers(TODAY)
    assert len(teachers) >= 5
    assert all(row.prior_accuracy is not None for row in teachers)
    gone = [row for row in bedrock_teachers().values() if row.end_of_life == date(2026, 7, 7)]
    assert gone
    assert not set(gone) & set(teachers)
    assert max(row.num_parameters for row in default_students()) <= 9e9


def test_images_are_those_of_the_region_and_the_hardware() -> None:
    assert image_uri("training", "eu-west-1", "ml.g5.xlarge") == (
        "763104351884.dkr.ecr.eu-west-1.amazonaws.com/huggingface-pytorch-training:"
        "2.9.0-transformers5.3.0-gpu-py312-cu130-ubuntu22.04"
    )
    assert image_uri("training", "eu-south-1", "ml.c7i.xlarge").startswith("692866216735.")
    assert ".amazonaws.com.cn/" in image_uri("inference", "cn-north-1", "ml.g5.xlarge")
    local = image_uri("inference", "eu-west-1", "ml.local.cpu2")
    assert local == image_uri("inference", "us-east-1", "ml.c7i.xlarge")


def test_an_image_that_does_not_exist_is_refused_with_what_does() -> None:
    with pytest.raises(ValueError, match="llm images exist for cuda"):
        image_uri("llm", "us-east-1", "ml.c7i.xlarge")
    with pytest.raises(ValueError, match="in 'mars-1'; offered in af-south-1"):
        image_uri("training", "mars-1", "ml.g5.xlarge")
    with pytest.raises(ValueError, match=r"runs on ml\.trn1\.2xlarge \(neuron\)"):
        image_uri("training", "us-east-1", "ml.trn1.2xlarge")


def test_every_region_of_an_image_has_a_registry_account() -> None:
    table = images()
    assert all(region in table.accounts for row in table.images for region in row.regions)
    assert all(len(account) == 12 for account in table.accounts.values())


def test_the_catalog_survives_its_own_json() -> None:
    assert ServerCatalog.model_validate_json(AWS.model_dump_json()) == AWS
