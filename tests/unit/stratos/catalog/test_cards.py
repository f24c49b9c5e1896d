"""Cards of the models that a spec names."""

from __future__ import annotations

import json

import pytest

from stratos.catalog.cards import student_card
from stratos.spec import Weights
from tests import factories
from tests.fakes import FilesInMemory

STUDENT = Weights(path="models/student/")


def described(**changes: bytes) -> str | None:
    """Why llama.cpp cannot serve a student with other files; None if it can."""
    files = factories.model_files() | {f"{name}.json": text for name, text in changes.items()}

    kept = {f"models/student/{name}": content for name, content in files.items() if content}
    return student_card(STUDENT, FilesInMemory(kept)).llama_cpp_obstacle


def test_a_students_tokenizer_decides_whether_llama_cpp_can_serve_it() -> None:
    assert described() is None
    tokenizer = json.loads(factories.model_files()["tokenizer.json"])
    unlike = json.dumps(tokenizer | {"pre_tokenizer": {"type": "Whitespace"}}).encode()
    assert "choose a student with one of these tokenizers" in (described(tokenizer=unlike) or "")


def test_a_tokenizer_of_another_format_is_left_to_the_job() -> None:
    assert described(tokenizer=b"") is None


@pytest.mark.parametrize("text", [b"[]", b"{}"])
def test_a_file_that_is_no_tokenizer_is_refused_by_name(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"models/student/tokenizer\.json is not what"):
        described(tokenizer=text)


def test_a_card_says_how_much_llama_cpp_holds_of_a_model_whose_window_it_lacks() -> None:
    files = factories.model_files()
    changed = {"max_position_embeddings": 32_768, "sliding_window": 4_096}
    for model_type, held in (("mistral", 4_096), ("qwen2", 32_768)):
        config = json.loads(files["config.json"]) | changed | {"model_type": model_type}
        folder = files | {"config.json": json.dumps(config).encode()}
        kept = {f"models/student/{name}": content for name, content in folder.items()}
        card = student_card(STUDENT, FilesInMemory(kept))
        assert (card.context_on("cpu"), card.context_on("cuda")) == (held, 32_768)
