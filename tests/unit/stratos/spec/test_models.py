"""What a spec may say of models: their weights, and where they answer."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stratos.spec import OpenAICompatible, Weights


@pytest.mark.parametrize("field", ["revision", "hub_token_secret"])
def test_what_belongs_to_the_hub_is_refused_beside_a_path(field: str) -> None:
    assert Weights.model_validate({"hub": "org/model", field: "x"})
    with pytest.raises(ValidationError, match=f"`{field}` belongs to `hub`"):
        Weights.model_validate({"path": "models/m", field: "x"})


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/3", "a" * 40])
def test_a_revision_is_a_commit_a_tag_or_a_branch(revision: str) -> None:
    assert Weights(hub="org/model", revision=revision).revision == revision


@pytest.mark.parametrize("revision", ["", "a b", "/main", "main/", "a//b"])
def test_what_git_would_not_name_is_refused(revision: str) -> None:
    with pytest.raises(ValidationError, match="revision"):
        Weights(hub="org/model", revision=revision)


@pytest.mark.parametrize("url", ["http://[x/v1", "https:///v1", "https://a:99999/v1", "http://a:b"])
def test_a_url_that_nothing_can_be_asked_at_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match=r"is no URL|names no host"):
        OpenAICompatible(kind="openai", base_url=url, model="m")


@pytest.mark.parametrize("url", ["https://x'$(id)'.com/v1", "https://user:word@a.example/v1"])
def test_a_url_whose_host_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match=r"is no host|user's name or a password"):
        OpenAICompatible(kind="openai", base_url=url, model="m")


@pytest.mark.parametrize("url", ["http://[::1]:8080/v1", "https://a.example/v1?api-version=1"])
def test_a_url_may_have_a_port_and_a_query(url: str) -> None:
    assert OpenAICompatible(kind="openai", base_url=url, model="m").base_url == url
