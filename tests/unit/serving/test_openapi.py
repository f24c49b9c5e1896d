"""The OpenAPI document is true."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_server_keeps_to_its_openapi_document(client, mode):
    api = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    for result in api.get_all_operations():
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and operation.method == "get":
            continue  # it takes nothing that could be wrong

        @given(operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=80,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def keeps_to_it(case):
            # What no schema can say (a prompt longer than the context, a JSON Schema that no
            # grammar enforces) is refused too, so a body may be right by the document and refused.
            case.call_and_validate(excluded_checks=[positive_data_acceptance], timeout=30)

        keeps_to_it()


def test_the_document_names_every_path_the_server_has(client):
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/ping",
        "/invocations",
        "/v1/chat/completions",
        "/v1/models",
        "/metrics",
        "/openapi.json",
    }
    for path, operations in document["paths"].items():
        wrong = client.delete(path)
        assert wrong.status_code == 405
        assert {m.lower() for m in wrong.headers["allow"].split(", ")} - {"head"} == set(operations)
