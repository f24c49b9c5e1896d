"""Container images by region and hardware."""

from __future__ import annotations

import pytest

from stratos.catalog.images import image_uri, images


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
