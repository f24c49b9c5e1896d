"""A chat template is found where Transformers finds it, and tried on the dataset's roles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stratos.catalog import chat_template
from stratos.catalog.chat_template import find_template, require_template
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.model_files import ModelFiles
from tests.unit.stratos.catalog.gguf_files import changed_gguf

USER = (("user", "one"),)
SYSTEM = (("system", "brief"), ("user", "two"))
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}{{ m.content }}{% endfor %}"
)


@pytest.fixture
def files(tmp_path: Path) -> FilesOnDisk:
    (tmp_path / "m").mkdir()
    return FilesOnDisk(tmp_path)


def write(files: FilesOnDisk, name: str, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (files.root / "m" / name).write_text(text)


def test_a_template_is_found_in_each_of_its_places_the_last_written_first(
    files: FilesOnDisk,
) -> None:
    with pytest.raises(ValueError, match="m has no chat template, neither"):
        find_template(files, "m")
    named = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "a"}]
    write(files, "tokenizer_config.json", {"chat_template": named, "bos_token": {"content": "B"}})
    assert find_template(files, "m") == ("a", {"bos_token": "B"})
    write(files, "chat_template.json", {"chat_template": "b"})
    assert find_template(files, "m")[0] == "b"
    write(files, "chat_template.jinja", "c")
    assert find_template(files, "m")[0] == "c"


def test_a_role_that_the_dataset_has_and_the_template_refuses_is_named(files: FilesOnDisk) -> None:
    write(files, "chat_template.jinja", NO_SYSTEM)
    require_template(files, "m", [USER])
    with pytest.raises(ValueError, match=r"of m does not take the roles system, user, .*no system"):
        require_template(files, "m", [USER, SYSTEM])


def test_a_template_without_an_end_is_stopped(
    files: FilesOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_template, "CPU_SECONDS", 1)
    loop = "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3
    write(files, "chat_template.jinja", loop)
    with pytest.raises(ValueError, match="chat template of m was stopped: it did not end"):
        require_template(files, "m", [USER])


def test_a_gguf_without_a_template_takes_the_one_beside_it(tmp_path: Path) -> None:
    changed_gguf(tmp_path / "x.gguf", without=["tokenizer.chat_template"])
    beside = tmp_path / "x.gguf.jinja"
    looked = ModelFiles(FilesOnDisk(tmp_path))
    with pytest.raises(ValueError, match=r"x.gguf is a GGUF without .* beside it, as x.gguf.jinja"):
        find_template(looked, "x.gguf")
    beside.write_text("{{ messages[0].content }}")
    template, _ = find_template(ModelFiles(FilesOnDisk(tmp_path)), "x.gguf")
    assert template == "{{ messages[0].content }}"
