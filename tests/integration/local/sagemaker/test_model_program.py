"""The program behind an image."""

from __future__ import annotations

from pathlib import Path

import pytest
from endpoint_models import CODE_IMAGE, ENGINE_IMAGE, REGISTRY

from infra.local.host.transfers import TransferError
from infra.local.sagemaker.model_program import ImageNotRunnable, ModelProgram

ARM_IMAGE = f"{REGISTRY}/llama-cpp-arm64:server-sagemaker-cpu-v1"
VLLM_IMAGE = f"{REGISTRY}/vllm:server-sagemaker-cuda-v1"


@pytest.mark.parametrize("image", [ENGINE_IMAGE, ARM_IMAGE])
def test_a_llama_cpp_image_runs_this_projects_stand_in_even_beside_code_of_an_artifact(
    tmp_path: Path, image: str
):
    (tmp_path / "code" / "serving").mkdir(parents=True)
    program = ModelProgram.of({"Image": image}, tmp_path)
    assert (Path(program.environment["PYTHONPATH"]) / "serving" / "entry.py").is_file()
    assert program.environment["SM_LLAMA_CPP_MODEL_DIR"] == str(tmp_path)


def test_an_image_of_before_runs_the_artifacts_own_code(tmp_path: Path):
    (tmp_path / "code" / "serving").mkdir(parents=True)
    program = ModelProgram.of({"Image": CODE_IMAGE}, tmp_path)
    assert program.directory == tmp_path / "code"
    assert program.environment["PYTHONPATH"] == str(tmp_path / "code")


def test_an_image_of_before_without_code_is_refused(tmp_path: Path):
    with pytest.raises(TransferError, match="holds no package 'code/serving'"):
        ModelProgram.of({"Image": CODE_IMAGE, "ModelDataUrl": "s3://b/m.tar.gz"}, tmp_path)


@pytest.mark.parametrize("image", [VLLM_IMAGE, "image", ""])
def test_an_image_that_nothing_stands_for_is_refused_with_those_that_can_run(
    tmp_path: Path, image: str
):
    with pytest.raises(ImageNotRunnable, match=r"It runs AWS's llama\.cpp images"):
        ModelProgram.of({"Image": image}, tmp_path)
