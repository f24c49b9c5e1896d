"""The instance type that a job was started on."""

from training.container.instance import current_instance_type


def test_sagemakers_own_file_says_it(tmp_path):
    environ = {"SAGEMAKER_BASE_DIR": str(tmp_path)}
    assert current_instance_type(environ) is None
    folder = tmp_path / "input" / "config"
    folder.mkdir(parents=True)
    (folder / "resourceconfig.json").write_text('{"current_instance_type": "ml.g5.xlarge"}')
    assert current_instance_type(environ) == "ml.g5.xlarge"
