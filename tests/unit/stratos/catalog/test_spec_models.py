"""Every problem of a spec's models is told before anything is paid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stratos.catalog.chat_template import spoken
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.models import bedrock_card, hub_card
from stratos.catalog.safetensors import WEIGHTS
from stratos.catalog.spec_models import require_models, require_roles
from stratos.errors import SpecRejected
from stratos.spec import Weights
from tests import factories
from tests.fakes import FilesInMemory
from tests.tiny_gguf import write_tiny_gguf


@pytest.fixture
def files(tmp_path: Path) -> FilesOnDisk:
    for name, content in factories.spec_folder().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return FilesOnDisk(tmp_path)


def refused(files: FilesOnDisk, **sections: object) -> str:
    with pytest.raises(SpecRejected) as caught:
        require_models(factories.spec(**sections), ModelFiles(files))
    return str(caught.value)


def test_whole_models_pass_and_so_does_a_gguf(files: FilesOnDisk) -> None:
    require_models(factories.spec(), ModelFiles(files))
    write_tiny_gguf(files.root / "models/tiny.gguf")
    require_models(factories.spec(students=[{"path": "models/tiny.gguf"}]), ModelFiles(files))


def test_each_models_problem_is_told_at_its_place(files: FilesOnDisk) -> None:
    weights = files.root / "models/teacher/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2])
    (files.root / "models/student/tokenizer_config.json").unlink()
    told = refused(files)
    assert "teachers[0].path: models/teacher/model.safetensors is cut short" in told
    assert "students[0].path: models/student has no chat template" in told


def test_a_file_that_is_no_gguf_is_told(files: FilesOnDisk) -> None:
    (files.root / "models/x.gguf").write_bytes(b"PK\3\4")
    told = refused(files, students=[{"path": "models/x.gguf"}])
    assert "students[0].path: models/x.gguf is a file and no GGUF" in told


def test_models_that_no_catalog_has_are_told(files: FilesOnDisk) -> None:
    told = refused(
        files,
        teachers=[{"kind": "bedrock", "model_id": "nobody.nothing-v1:0"}],
        students=[{"hub": "nobody/nothing"}, {"hub": "Qwen/Qwen3-0.6B", "layers": 99}],
    )
    assert "teachers[0].model_id: nobody.nothing-v1:0 has no price in the catalog" in told
    assert "students[0].hub: nobody/nothing is not in the model catalog" in told
    assert "students[1].hub: Qwen/Qwen3-0.6B has 28 layers" in told


def test_a_student_that_cannot_be_trained_is_told_and_may_teach(files: FilesOnDisk) -> None:
    for role in ("teacher", "student"):
        path = files.root / "models" / role / "config.json"
        config = json.loads(path.read_text()) | {"quantization_config": {"quant_method": "fp8"}}
        path.write_text(json.dumps(config))
    told = refused(files)
    assert "students[0].path: student: its weights are quantised (fp8)" in told
    assert "teachers[0]" not in told


def test_a_gated_model_needs_a_token(files: FilesOnDisk) -> None:
    gated = {"hub": "meta-llama/Llama-3.2-1B-Instruct"}
    assert "students[0].hub: the Hub gives meta-llama" in refused(files, students=[gated])
    with_token = gated | {"hub_token_secret": "stratos/hub"}
    require_models(factories.spec(students=[with_token]), ModelFiles(files))


def test_the_datasets_roles_are_tried_on_every_template(files: FilesOnDisk) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('none') }}"
        "{% endif %}{{ m.content }}{% endfor %}"
    )
    (files.root / "models/student/chat_template.jinja").write_text(template)
    user, system = spoken(("user", "a")), spoken(("system", "b"), ("user", "c"))
    require_roles(factories.spec(), ModelFiles(files), [user])
    with pytest.raises(SpecRejected, match=r"students\[0\].path: the chat template of models/stu"):
        require_roles(factories.spec(), ModelFiles(files), [user, system])


def test_a_config_that_no_program_wrote_is_told(files: FilesOnDisk) -> None:
    (files.root / "models/student/config.json").write_bytes(b"[" * 100_000)
    assert "models/student/config.json is not JSON that can be read" in refused(files)


def test_headers_of_one_folder_are_read_once() -> None:
    looked = FilesInMemory(factories.spec_folder())
    model = {"path": "models/teacher"}
    require_models(
        factories.spec(teachers=[{"kind": "weights", **model}], students=[model | {"layers": 2}]),
        ModelFiles(looked),
    )
    headers = [path for path, length in looked.parts if length > 4 and path.endswith(f"/{WEIGHTS}")]
    assert headers == ["models/teacher/model.safetensors"]


def test_a_model_that_is_not_known_gets_a_hint_at_one_like_it() -> None:
    with pytest.raises(LookupError, match=r"did you mean `Qwen/Qwen3-0\.6B`\?$"):
        hub_card(Weights(hub="Qwen/Qwen3-0.6"))
    with pytest.raises(LookupError, match=r"did you mean `deepseek\.r1-v1:0`\?$"):
        bedrock_card("deepseek.r1-v1")
    with pytest.raises(LookupError, match=r"show models`$"):
        hub_card(Weights(hub="nobody/nothing"))
