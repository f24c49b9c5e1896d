"""The table of images out of AWS's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from stratos.catalog.image_list import CHOICES, ImageChoice, images_from, out_of_date, text_of
from stratos.catalog.images import Images, images

DAY = date(2026, 11, 29)
NEAR, FAR = "111111111111", "222222222222"
PYTORCH = {
    "training": {
        "processors": ["cpu", "gpu"],
        "versions": {
            "2.12": {},
            "2.13": {
                "container_version": {
                    "cpu": "cpu-amzn2023-sagemaker",
                    "gpu": "cu133-amzn2023-sagemaker",
                },
                "processor_in_tag": False,
                "registries": {"us-iso-east-1": "3", "us-east-1": NEAR, "eu-south-1": FAR},
                "repository": "pytorch",
                "tag_prefix": "2.13",
            },
        },
    }
}
VLLM = {
    "inference": {
        "versions": {
            "0.29.0": {},
            "0.30.0": {
                "container_version": {"gpu": "cu130-ubuntu24.04-sagemaker"},
                "py_versions": ["py312"],
                "registries": {"us-east-1": NEAR},
                "repository": "vllm",
                "tag_prefix": "0.30.0",
            },
        },
    }
}
CONFIGS = {"pytorch": PYTORCH, "vllm": VLLM}
ON_CPU = ImageChoice("training", "cpu", "pytorch", "2.13", "3.12", "Said nowhere.")
ON_CUDA = replace(ON_CPU, runtime="cuda")
SERVED = ImageChoice("llm", "cuda", "vllm", None, "3.12", "The latest release only.")


def table(*choices: ImageChoice) -> Images:
    return images_from(CONFIGS, "9.9.9", DAY, choices)


def test_tags_are_put_together_as_the_sdk_does() -> None:
    cpu, cuda, served = table(ON_CPU, ON_CUDA, SERVED).images
    assert (cpu.image, cpu.cuda) == ("pytorch:2.13-cpu-amzn2023-sagemaker", None)
    assert (cuda.image, cuda.cuda) == ("pytorch:2.13-cu133-amzn2023-sagemaker", "13.3")
    assert served.image == "vllm:0.30.0-gpu-py312-cu130-ubuntu24.04-sagemaker"
    assert (served.version, served.cuda, served.python) == ("0.30.0", "13.0", "3.12")


def test_regions_have_their_registries_but_for_partitions_with_other_domains() -> None:
    made = table(ON_CPU, SERVED)
    assert made.accounts == {"eu-south-1": FAR, "us-east-1": NEAR}
    assert [row.regions for row in made.images] == [("eu-south-1", "us-east-1"), ("us-east-1",)]
    assert "sagemaker-core 9.9.9" in made.source


def test_an_image_whose_support_has_ended_is_refused() -> None:
    ended = replace(ON_CPU, end_of_support=DAY)
    with pytest.raises(ValueError, match=r"pytorch 2\.13 ended on 2026-11-29.*choose a newer"):
        table(ended)
    (row,) = table(replace(ON_CPU, end_of_support=date(2026, 11, 30))).images
    assert row.end_of_support == date(2026, 11, 30)


def test_a_table_is_out_of_date_once_a_stated_support_has_ended_or_after_a_year() -> None:
    end = date(2027, 3, 1)
    made = table(ON_CPU, replace(SERVED, end_of_support=end))
    assert out_of_date(made, end - timedelta(days=1)) == []
    (ended,) = out_of_date(made, end)
    assert ended == f"support of {made.images[1].image} ended on 2027-03-01: choose a newer version"
    assert out_of_date(table(ON_CPU), DAY + timedelta(days=365)) == []
    (old,) = out_of_date(table(ON_CPU), DAY + timedelta(days=366))
    assert old.startswith("it is of 2026-11-29, more than 12 months ago: raise sagemaker-core")


def test_a_version_that_the_sdk_does_not_list_is_refused_with_those_it_does() -> None:
    with pytest.raises(ValueError, match=r"no version 3\.0; it has 2\.12, 2\.13"):
        table(replace(ON_CPU, version="3.0"))


def test_a_region_with_two_registries_is_refused() -> None:
    entry = VLLM["inference"]["versions"]["0.30.0"]
    moved = {**entry, "registries": {"us-east-1": FAR}}
    configs = CONFIGS | {"vllm": {"inference": {"versions": {"0.30.0": moved}}}}
    with pytest.raises(ValueError, match=f"us-east-1 has the registries {NEAR} and {FAR}"):
        images_from(configs, "9.9.9", DAY, (ON_CPU, SERVED))


def test_the_file_reads_back_and_has_a_line_for_the_regions_of_each_image() -> None:
    made = table(ON_CPU, SERVED)
    text = text_of(made)
    assert Images.model_validate_json(text) == made
    assert '"regions": ["eu-south-1", "us-east-1"]' in text


def test_the_shipped_table_has_every_choice() -> None:
    shipped = [(row.kind, row.runtime, row.architecture) for row in images().images]
    assert shipped == [(c.kind, c.runtime, c.architecture) for c in CHOICES]
