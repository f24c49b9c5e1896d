from __future__ import annotations

import pytest
from pydantic import ValidationError

from stratos.contracts.bucket import served_key
from stratos.contracts.served import DRAIN_SECONDS, SERVED_RECORD_SECONDS, Served
from tests import factories


def test_a_record_is_read_as_it_was_written() -> None:
    served = factories.served("us-east-1", "eu-west-1")

    assert Served.model_validate_json(served.model_dump_json()) == served


def test_a_former_endpoint_answers_for_longer_than_a_client_keeps_its_record() -> None:
    assert DRAIN_SECONDS > SERVED_RECORD_SECONDS


def test_a_record_with_a_field_of_a_later_release_is_refused_by_name() -> None:
    written = factories.served("us-east-1").model_dump(mode="json") | {"colour": "blue"}

    with pytest.raises(ValidationError, match="colour"):
        Served.model_validate(written)


def test_each_spec_has_a_record_of_its_own() -> None:
    assert served_key("tiles") == "served/tiles.json"
