"""Which teachers and students a run may use."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from math import prod

import pytest

from lambdas.gathering.model_pool import model_pool
from stratos.catalog.bedrock_listing import BedrockListing, ListedModel
from stratos.catalog.models import default_students, default_teachers
from stratos.contracts.bucket import TEACHERS_KEY
from stratos.errors import NoFeasiblePlan
from stratos.spec import Bedrock
from tests import factories
from tests.unit.lambdas.conftest import Account


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_teacher_that_bedrock_offers_no_longer_here_is_refused(
    account: Account, region: str
) -> None:
    listing = BedrockListing(region=region, as_of=date(2026, 1, 1), models=())
    account.put(TEACHERS_KEY, listing.model_dump_json())
    teacher = Bedrock(kind="bedrock", model_id="amazon.nova-pro-v1:0")
    run = account.run(account.drop(teachers=[teacher.model_dump()]))
    spec = factories.spec(teachers=[teacher.model_dump()])
    if region == "us-east-1":
        with pytest.raises(NoFeasiblePlan, match="did not offer amazon"):
            model_pool(run, spec)
    else:
        assert list(model_pool(run, spec).teachers) == [teacher.name]


def test_a_profile_of_the_account_is_in_no_listing_and_has_the_specs_prices(
    account: Account,
) -> None:
    listing = BedrockListing(region="us-east-1", as_of=date(2026, 1, 1), models=())
    account.put(TEACHERS_KEY, listing.model_dump_json())
    profile = {
        "kind": "bedrock",
        "model_id": "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1",
    }
    priced = profile | {"input_usd_per_million_tokens": 3, "output_usd_per_million_tokens": 15}
    run = account.run(account.drop(teachers=[priced]))
    (card,) = model_pool(run, factories.spec(teachers=[priced])).teacher_cards()
    assert (card.input_usd_per_million_tokens, card.output_usd_per_million_tokens) == (3, 15)
    with pytest.raises(NoFeasiblePlan, match="no price in the catalog; give `input_usd"):
        model_pool(run, factories.spec(teachers=[profile]))


def test_a_spec_that_names_no_models_gets_the_defaults_that_bedrock_still_offers(
    account: Account,
) -> None:
    kept, *gone = default_teachers(datetime.now(UTC).date())
    listed = ListedModel(model_id=kept.model_id, lifecycle="active", chats=True)
    listing = BedrockListing(region="us-east-1", as_of=date(2026, 1, 1), models=(listed,))
    account.put(TEACHERS_KEY, listing.model_dump_json())
    run = account.run(account.drop(teachers=[], students=[]))
    pool = model_pool(run, factories.spec(teachers=[], students=[]))
    students = {row.card().name for row in default_students()}
    assert gone
    assert set(pool.students) == students
    assert set(pool.teachers) == {kept.model_id} | students


def test_a_students_tokenizer_is_read_before_anything_is_paid(account: Account) -> None:
    run = account.run(account.drop())
    spec = factories.spec()
    (card,) = model_pool(run, spec).student_cards()
    assert card.llama_cpp_obstacle is None
    tokenizer = json.loads(factories.model_files()["tokenizer.json"])
    unlike = json.dumps(tokenizer | {"pre_tokenizer": {"type": "Whitespace"}})
    account.put("specs/tiles/models/student/tokenizer.json", unlike)
    (card,) = model_pool(run, spec).student_cards()
    assert "splits text by" in (card.llama_cpp_obstacle or "")


def test_weights_are_described_by_the_headers_in_the_bucket(account: Account) -> None:
    run = account.run(account.drop())
    (card,) = model_pool(run, factories.spec()).student_cards()
    tensors = factories.qwen2_tensors().values()
    assert card.num_parameters == sum(map(prod, tensors))
    account.put("specs/tiles/models/student/model.safetensors", "")
    with pytest.raises(
        NoFeasiblePlan, match=r"models/student/model\.safetensors is no safetensors"
    ):
        model_pool(run, factories.spec())
