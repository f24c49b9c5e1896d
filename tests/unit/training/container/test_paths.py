import pytest

from training.container.paths import SageMakerPaths


def test_paths_come_from_sagemakers_variables():
    paths = SageMakerPaths.from_environment(
        {
            "SM_CHANNEL_CONFIG": "/opt/ml/input/data/config",
            "SM_MODEL_DIR": "/m",
            "SM_OUTPUT_DIR": "/o",
            "SM_HPS": '{"student_artifact": "s3://b/k", "n": 3}',
            "SM_NUM_CPUS": "2",
            "STRATOS_CHECKPOINT_DIR": "/c",
        }
    )
    assert str(paths.channel("config")) == "/opt/ml/input/data/config"
    assert paths.hyperparameters == {"student_artifact": "s3://b/k", "n": "3"}
    assert (str(paths.checkpoint_dir), paths.num_cpus) == ("/c", 2)
    with pytest.raises(ValueError, match="no channel 'teacher', only \\['config'\\]"):
        paths.channel("teacher")
