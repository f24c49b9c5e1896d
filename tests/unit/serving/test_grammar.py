"""Answers held to a JSON Schema satisfy it, whatever the model would rather say."""

import json

import jsonschema
import openai
import pytest

from serving.grammar import MAX_SCHEMA_CHARACTERS, SchemaRejected

SCHEMA = {
    "type": "object",
    "properties": {
        "tile": {"enum": ["m1", "p5", "z7"]},
        "count": {"type": "integer", "minimum": 0, "maximum": 99},
        "closed": {"type": "boolean"},
    },
    "required": ["tile", "count", "closed"],
    "additionalProperties": False,
}


def ask(schema: object, **options: object) -> dict[str, object]:
    wanted = {"type": "json_schema", "json_schema": {"name": "hand", "schema": schema}}
    messages = [{"role": "user", "content": "a hand"}]
    return {"messages": messages, "max_tokens": 100, "response_format": wanted, **options}


@pytest.mark.parametrize("options", [{}, {"temperature": 1.5, "seed": 1}, {"temperature": 2.0}])
def test_an_answer_satisfies_its_schema(client, options):
    choice = client.post("/invocations", json=ask(SCHEMA, **options)).json()["choices"][0]
    jsonschema.validate(json.loads(choice["message"]["content"]), SCHEMA)
    assert choice["finish_reason"] == "stop"


def test_constrained_and_free_requests_share_a_batch(client):
    free = {"messages": [{"role": "user", "content": "a hand"}], "max_tokens": 40}
    alone = client.post("/invocations", json=free).json()["choices"]
    with client.stream("POST", "/invocations", json=ask(SCHEMA, stream=True)) as streaming:
        beside = client.post("/invocations", json=free).json()["choices"]
        lines = [line[6:] for line in streaming.iter_lines() if line]
    assert beside == alone
    chunks = [json.loads(line) for line in lines[:-1]]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    jsonschema.validate(json.loads(text), SCHEMA)


def test_a_json_object_opens_as_one(client):
    body = ask({}) | {"response_format": {"type": "json_object"}}
    text = client.post("/invocations", json=body).json()["choices"][0]["message"]["content"]
    assert text.startswith("{")


def test_logprobs_of_what_the_schema_rules_out_are_numbers(client):
    body = ask({"const": "x"}, logprobs=True, top_logprobs=5)
    response = client.post("/invocations", json=body)
    assert response.status_code == 200
    tops = response.json()["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    assert tops[0]["logprob"] == pytest.approx(0.0)
    assert tops[-1]["logprob"] == -9999.0


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "nope"}, "nope"),
        ({"$ref": "http://127.0.0.1/schema"}, "fetch"),
        ({"not": {"type": "string"}}, "not"),
        ({"type": "string", "pattern": "("}, "regex"),
        ({"const": "x" * MAX_SCHEMA_CHARACTERS}, "characters"),
        (
            {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(900)}},
            "",
        ),
    ],
)
def test_a_schema_that_cannot_be_enforced_is_refused(client, schema, says):
    response = client.post("/invocations", json=ask(schema))
    if response.status_code == 200:  # large, yet within what the compiler may spend
        assert not says
        return
    assert response.status_code == 400
    error = response.json()["error"]
    assert says in error["message"]
    assert error["code"] == "invalid_schema"


def test_a_schema_too_complex_only_later_ends_that_request_alone(loaded, serve):
    class Failing:
        def forbidden(self):
            raise SchemaRejected("too complex")

    with serve() as (client, _):
        original = loaded.vocabulary.constrain
        loaded.vocabulary.constrain = lambda schema: Failing()
        try:
            failed = client.post("/invocations", json=ask(SCHEMA))
        finally:
            loaded.vocabulary.constrain = original
        assert failed.status_code == 500
        assert failed.json()["error"]["code"] == "model_failed"
        assert client.post("/invocations", json=ask(SCHEMA)).status_code == 200


def test_the_official_client_parses_into_a_schema(client):
    with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="unused") as official:
        answer = official.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": "a hand"}],
            max_tokens=100,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "hand", "schema": SCHEMA, "strict": True},
            },
        )
    jsonschema.validate(json.loads(answer.choices[0].message.content), SCHEMA)
