"""A chat template is found where Transformers finds it, and tried on the dataset's roles."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stratos.catalog.chat_template import Json, find_template, require_template, spoken
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.model_files import ModelFiles
from stratos.errors import StratosError
from tests import tool_templates
from tests.unit.stratos.catalog.gguf_files import changed_gguf

USER = spoken(("user", "one"))
SYSTEM = spoken(("system", "brief"), ("user", "two"))
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


def test_a_template_that_renders_no_question_is_told_without_roles(files: FilesOnDisk) -> None:
    write(files, "chat_template.jinja", "{{ messages | nonsense }}")
    with pytest.raises(ValueError, match="renders no question: TemplateAssertionError: No filter"):
        require_template(files, "m", [SYSTEM])


LOOP = "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3
DEEP = "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}"
STOPPED = {
    "computes": (LOOP, "it computed for more than 2 s"),
    "hoards": ("{{ 'x' * 999999999 }}", "it needed more than 256 MiB"),
    "nests": (DEEP, r"it went on too long \(RecursionError"),
    "a long range": (
        "{% for i in range(999999999) %}{% endfor %}",
        r"it went on too long \(OverflowError",
    ),
}


@pytest.mark.parametrize(("template", "reason"), STOPPED.values(), ids=STOPPED)
def test_a_template_without_an_end_is_stopped_and_told_why(
    files: FilesOnDisk, template: str, reason: str
) -> None:
    write(files, "chat_template.jinja", template)
    with pytest.raises(ValueError, match=f"chat template of m was stopped: {reason}"):
        require_template(files, "m", [USER])


def test_a_template_without_memory_is_told_so(
    files: FilesOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(files, "chat_template.jinja", "{{ messages[0].content }} of a large machine")

    def killed(command: list[str], **told: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(command, -signal.SIGKILL, b"", b"")

    monkeypatch.setattr(subprocess, "run", killed)
    with pytest.raises(ValueError, match=r"was stopped: .*no memory left for it"):
        require_template(files, "m", [USER])


def test_a_machine_that_is_too_busy_to_render_is_not_the_templates_fault(
    files: FilesOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(files, "chat_template.jinja", "{{ messages[0].content }} of a busy machine")

    def late(command: list[str], **told: float) -> subprocess.CompletedProcess[bytes]:
        raise subprocess.TimeoutExpired(command, told["timeout"])

    monkeypatch.setattr(subprocess, "run", late)
    with pytest.raises(StratosError, match="did not end within 240 s, of which it may compute 2"):
        require_template(files, "m", [USER])


def test_a_machine_that_cannot_render_is_not_the_templates_fault(
    files: FilesOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(files, "chat_template.jinja", "{{ messages[0].content }} of another machine")
    (files.root / "jinja2.py").write_text("raise ModuleNotFoundError('No module named jinja2')")
    monkeypatch.setattr(sys, "path", [str(files.root), *sys.path])
    with pytest.raises(StratosError, match=r"failed on this machine \(.*No module named jinja2"):
        require_template(files, "m", [USER])


def test_a_template_runs_without_the_environment_of_its_function(
    files: FilesOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, str] = {}

    def run(command: list[str], **told: Any) -> subprocess.CompletedProcess[bytes]:
        given.update(told["env"])
        return done(command, **told)

    done = subprocess.run
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    write(files, "chat_template.jinja", "{{ messages[0].content }} and no more")
    require_template(files, "m", [USER])
    assert set(given) <= {"PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG"}


def test_a_gguf_without_a_template_takes_the_one_beside_it(tmp_path: Path) -> None:
    changed_gguf(tmp_path / "x.gguf", without=["tokenizer.chat_template"])
    beside = tmp_path / "x.gguf.jinja"
    looked = ModelFiles(FilesOnDisk(tmp_path))
    with pytest.raises(ValueError, match=r"x.gguf is a GGUF without .* beside it, as x.gguf.jinja"):
        find_template(looked, "x.gguf")
    beside.write_text("{{ messages[0].content }}")
    template, _ = find_template(ModelFiles(FilesOnDisk(tmp_path)), "x.gguf")
    assert template == "{{ messages[0].content }}"


def test_a_template_without_a_word_for_tools_is_refused_with_what_to_do(
    files: FilesOnDisk,
) -> None:
    tool: Json = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    offered = USER.model_copy(update={"tools": (tool,)})
    write(files, "chat_template.jinja", tool_templates.DEAF)
    require_template(files, "m", [USER])
    expected = r"of m cannot be used with the tools .*leaves the tool weather out.*m/chat_template"
    with pytest.raises(ValueError, match=expected):
        require_template(files, "m", [USER, offered])
    write(files, "chat_template.jinja", tool_templates.HERMES)
    require_template(files, "m", [USER, offered])


def test_a_gguf_without_a_word_for_tools_is_told_where_a_template_goes(tmp_path: Path) -> None:
    tool: Json = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    changed_gguf(tmp_path / "x.gguf")
    (tmp_path / "x.gguf.jinja").write_text(tool_templates.DEAF)
    offered = USER.model_copy(update={"tools": (tool,)})
    with pytest.raises(ValueError, match=r"Give a template that knows tools as x.gguf.jinja"):
        require_template(ModelFiles(FilesOnDisk(tmp_path)), "x.gguf", [offered])
