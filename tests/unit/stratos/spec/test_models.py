"""What a spec may say of a model's weights."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stratos.spec import Weights


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
