"""The disk that a job asks for."""

from __future__ import annotations

from stratos.catalog.model_card import ModelCard
from stratos.planning.disk import LEAST_GIB, has_own_disk, needed_gib, volume_gib

EIGHT_BILLION = ModelCard(name="8b", kind="weights", num_parameters=8_000_000_000)
SERVICE = ModelCard(name="service", kind="bedrock")
CPUS = ["ml.m5.large", "ml.c5.xlarge"]


def test_a_job_has_room_for_what_it_reads() -> None:
    assert needed_gib([SERVICE]) == LEAST_GIB
    # 16 bits of each parameter, as they came and as a folder made of a GGUF.
    assert needed_gib([EIGHT_BILLION]) == LEAST_GIB + 30
    packed = EIGHT_BILLION.model_copy(update={"num_bytes": 5 * 2**30})
    assert needed_gib([packed]) == LEAST_GIB + 20


def test_a_dataset_adds_what_it_takes_up_once_that_is_a_gibibyte() -> None:
    assert needed_gib([SERVICE], data_bytes=10**9) == LEAST_GIB
    assert needed_gib([SERVICE], data_bytes=100 * 10**9) == LEAST_GIB + 93


def test_training_leaves_checkpoints_weights_and_files_of_llama_cpp() -> None:
    lora = needed_gib([SERVICE], EIGHT_BILLION, "lora")
    full = needed_gib([SERVICE], EIGHT_BILLION, "full")
    assert lora > LEAST_GIB + 2 * 8e9 * (4 + 5) / 2**30
    assert full > lora + 2 * 8e9 * 16 / 2**30 - 1


def test_an_instance_with_a_disk_of_its_own_is_asked_for_no_more() -> None:
    needed = needed_gib([EIGHT_BILLION], EIGHT_BILLION, "full")
    for name in (
        "ml.g5.xlarge",
        "ml.g4dn.xlarge",
        "ml.p4d.24xlarge",
        "ml.p5.48xlarge",
        "ml.m5d.large",
    ):
        assert volume_gib([name], needed) == LEAST_GIB
        assert has_own_disk(name)


def test_an_instance_without_a_disk_is_asked_for_all_that_is_needed() -> None:
    needed = needed_gib([EIGHT_BILLION])
    assert needed > LEAST_GIB
    assert volume_gib([*CPUS, "ml.p3.2xlarge"], needed) == needed
