import json

import pytest

from tests.unit.training.jobs import lay_out
from training.container.paths import SageMakerPaths, base_folder, read_config


def test_paths_come_from_the_files_that_sagemaker_writes(tmp_path):
    given = {"student_artifact": "s3://b/k", "live": '"s3://b/l"', "n": "3", "list": "[1, 2]"}
    lay_out(tmp_path, hyperparameters=given | {"sagemaker_region": "us-east-1"}, config=tmp_path)
    paths = SageMakerPaths.from_environment(
        {
            "SAGEMAKER_BASE_DIR": str(tmp_path),
            "SM_NUM_CPUS": "2",
            "STRATOS_CHECKPOINT_DIR": "/c",
        }
    )
    assert paths.channel("config") == tmp_path / "input" / "data" / "config"
    assert paths.hyperparameters == {
        "student_artifact": "s3://b/k",
        "live": "s3://b/l",
        "n": "3",
        "list": "[1, 2]",
    }
    assert (paths.model_dir, paths.output_dir) == (tmp_path / "model", tmp_path / "output")
    assert (str(paths.checkpoint_dir), paths.num_cpus) == ("/c", 2)
    with pytest.raises(ValueError, match="no channel 'teacher', only \\['config'\\]"):
        paths.channel("teacher")


def test_a_container_is_laid_out_where_sagemaker_documents_it():
    assert str(base_folder({})) == "/opt/ml"


def test_a_configuration_that_is_no_object_is_refused(tmp_path):
    folder = tmp_path / "input" / "config"
    folder.mkdir(parents=True)
    (folder / "resourceconfig.json").write_text(json.dumps(["algo-1"]))
    with pytest.raises(ValueError, match="a JSON object is needed"):
        read_config(tmp_path, "resource")
    assert read_config(tmp_path, "inputdata") == {}
