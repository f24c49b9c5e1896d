"""Who may train on a teacher's answers, as far as that is known."""

from __future__ import annotations

import pytest

from stratos.catalog.model_card import ModelCard
from stratos.catalog.terms import open_rights, provider_terms, rights_in, terms_of, told_rights
from stratos.spec import Bedrock, Logs, OpenAICompatible, Rights, Teacher, Weights
from tests import factories

RIGHTS = Rights(statement="our contract allows it", source="contract 7")


def service(host: str, rights: Rights | None = None) -> OpenAICompatible:
    return OpenAICompatible(kind="openai", base_url=f"https://{host}/v1", model="m", rights=rights)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        (service("api.openai.com"), "OpenAI"),
        (service("api.openai.com.example"), None),
        (service("models.example"), None),
        (Bedrock(kind="bedrock", model_id="x"), "Amazon Bedrock"),
        (Weights(hub="meta-llama/Llama-3.1-8B-Instruct"), "Meta"),
        (Weights(hub="Qwen/Qwen3-0.6B"), None),
        (Logs(kind="logs"), None),
    ],
)
def test_terms_are_found_by_host_service_or_licence(model: Teacher, provider: str | None) -> None:
    found = terms_of(model)
    assert (found and found.provider) == provider


def test_every_row_has_a_source_a_day_and_one_way_to_be_found() -> None:
    for row in provider_terms():
        assert row.url.startswith("https://")
        assert row.seen.year >= 2026
        assert sum(key is not None for key in (row.host, row.bedrock, row.licence)) == 1


def test_the_spec_s_word_comes_before_the_catalog_s() -> None:
    told = told_rights(service("api.openai.com", RIGHTS))
    assert told == "m: our contract allows it (contract 7), says the spec"
    known = told_rights(service("api.openai.com"))
    assert "no rights are stated in the spec. OpenAI: Output may not be used" in known
    assert "seen on 2026" in known


def test_where_neither_says_anything_that_is_said() -> None:
    for model in (Logs(kind="logs"), service("models.example")):
        assert "nobody has said who may train on its answers" in told_rights(model)
    assert told_rights(Weights(path="big")).endswith("the licence of its weights is unknown")
    bedrock = told_rights(Bedrock(kind="bedrock", model_id="x"))
    assert "terms are not in the catalog; they are at https://" in bedrock


def test_a_plan_names_the_answers_that_nobody_has_spoken_for() -> None:
    spec = factories.spec(
        teachers=[
            {"kind": "logs"},
            {"kind": "bedrock", "model_id": "x", "rights": {"statement": "allowed"}},
        ]
    )
    card = ModelCard(name="x", kind="bedrock")
    (open_one,) = open_rights(spec, card)
    assert open_one.startswith("logs: nobody")
    assert [line.partition(":")[0] for line in rights_in(spec, spec.teachers[1])] == ["logs", "x"]
    (by_default,) = open_rights(factories.spec(teachers=[]), card)
    assert by_default.startswith("x: no rights are stated")
    assert open_rights(factories.spec(), ModelCard(name="teacher", kind="weights")) == ()
