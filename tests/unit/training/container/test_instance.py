"""The instance type that a job was started on."""

from training.container.instance import current_instance_type


def test_the_toolkit_says_it_or_else_sagemakers_own_file(tmp_path):
    environ = {"SM_INPUT_CONFIG_DIR": str(tmp_path)}
    assert current_instance_type(environ) is None
    (tmp_path / "resourceconfig.json").write_text('{"current_instance_type": "ml.g5.xlarge"}')
    assert current_instance_type(environ) == "ml.g5.xlarge"
    told = environ | {"SM_CURRENT_INSTANCE_TYPE": "ml.g6.xlarge"}
    assert current_instance_type(told) == "ml.g6.xlarge"
