"""Names of one stack begin as no other stack's do, and are no longer than SageMaker allows."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest

from stratos.contracts.bucket import run_id_of
from stratos.hosting.names import DEFAULT_STACK, LONGEST_STACK_NAME, StackNames

LONGEST = StackNames("S" * LONGEST_STACK_NAME)
LONGEST_SPEC = "s" * 32
LONGEST_RUN = run_id_of("bucket", f"specs/{LONGEST_SPEC}/spec.yaml", "v1")


def test_the_longest_names_fit_into_what_aws_allows() -> None:
    of_sagemaker = (
        LONGEST.endpoint(LONGEST_SPEC),
        LONGEST.deployment(LONGEST_RUN, 9, "-s9"),
        LONGEST.batches(LONGEST_RUN) + "b" + "0" * 8,
    )
    assert max(map(len, of_sagemaker)) == 63
    assert all(re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name) for name in of_sagemaker)
    of_schedules = (
        LONGEST.reruns + LONGEST_SPEC,
        LONGEST.endpoint(LONGEST_SPEC) + "-expiry-scaling",
    )
    assert max(map(len, of_schedules)) <= 64


@pytest.mark.parametrize(
    "name", ["", "Stratos-Dev", "1stack", "Stratos Dev", "S" * (LONGEST_STACK_NAME + 1)]
)
def test_a_name_that_cannot_begin_every_other_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 11 letters and digits, a letter first"):
        StackNames(name)


def test_no_stacks_pattern_matches_a_name_of_another() -> None:
    default, other = StackNames(DEFAULT_STACK), StackNames("StratosDev")
    for one, another in ((default, other), (other, default)):
        for name in (another.endpoint("tiles"), another.deployment("tiles-0123abcd", 0)):
            assert not fnmatch(name, f"{one.start}*")


def test_the_default_stack_keeps_the_names_that_it_had() -> None:
    names = StackNames(DEFAULT_STACK)
    assert names.prefix == "stratos"
    assert names.endpoint("tiles") == "stratos-tiles"
    assert names.function("clean_up") == "stratos-clean-up"
    assert names.deployment("tiles-0123abcd", 1, "-s2") == "stratos-tiles-0123abcd-a1-s2"
    assert names.reruns + "tiles" == "stratos-rerun-tiles"


def test_a_worker_regions_bucket_has_a_name_that_s3_allows() -> None:
    bucket = LONGEST.worker_bucket("123456789012", "ap-southeast-7")
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)


@pytest.mark.parametrize("spec", ["a", "tiles", "a--b", "a-b", "s" * 32])
def test_a_run_is_called_as_its_spec_and_eight_more_characters(spec: str) -> None:
    run_id = run_id_of("bucket", f"specs/{spec}/spec.yaml", "v1")
    assert re.fullmatch(f"{spec}-[0-9a-f]{{8}}", run_id)


def test_the_names_of_a_runs_roles_fit_into_iam() -> None:
    names = (LONGEST.job_role(LONGEST_RUN), LONGEST.model_role(LONGEST_RUN))
    assert max(map(len, names)) <= 64
