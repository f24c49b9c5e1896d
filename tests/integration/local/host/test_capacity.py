"""Which instance types a cloud has none of: told by its user, while it runs."""

import json

from typer.testing import CliRunner

from infra.local.cli import app
from infra.local.host.capacity import Capacity
from infra.local.host.settings import LocalSettings


def test_everything_is_free_until_somebody_says_otherwise(tmp_path):
    capacity = Capacity(LocalSettings(state_dir=tmp_path))
    assert capacity.has("ml.m5.large", "training")
    capacity.exhaust(["ml.m5.large"], ["training", "spot"])
    assert not capacity.has("ml.m5.large", "training")
    assert not capacity.has("ml.m5.large", "spot")
    assert capacity.has("ml.m5.large", "hosting")
    assert capacity.has("ml.m5.xlarge", "training")
    capacity.restore(["ml.m5.large"])
    assert capacity.lacking() == {"training": [], "spot": [], "hosting": []}


def test_the_command_changes_what_is_free_and_tells_it(tmp_path):
    def told(*arguments):
        given = ["capacity", *arguments, "--state-dir", str(tmp_path), "--json"]
        result = CliRunner().invoke(app, given)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    two = ["ml.local.cpu1", "ml.local.cpu2"]
    assert told(*two) == {"training": two, "spot": two, "hosting": two}
    assert told("ml.local.cpu1", "--free", "--use", "hosting")["hosting"] == ["ml.local.cpu2"]
    assert told()["training"] == two


def test_an_instance_type_that_the_catalog_lacks_is_refused(tmp_path):
    given = ["capacity", "ml.g5.xlarg", "--state-dir", str(tmp_path / "cloud")]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2
    assert "no instance type 'ml.g5.xlarg'; did you mean ml.g5.xlarge" in " ".join(
        result.output.replace("│", " ").split()
    )
    assert not (tmp_path / "cloud").exists()


def test_each_region_has_its_own_and_a_file_of_before_is_of_home(tmp_path):
    settings = LocalSettings(state_dir=tmp_path, regions=("us-east-1", "eu-west-1"))
    settings.capacity_file.write_text('{"training": ["ml.m5.large"], "spot": [], "hosting": []}')
    home, worker = Capacity(settings), Capacity(settings, "eu-west-1")
    assert not home.has("ml.m5.large", "training")
    assert worker.has("ml.m5.large", "training")
    worker.exhaust(["ml.m5.xlarge"], ["training"])
    assert home.lacking()["training"] == ["ml.m5.large"]
    assert worker.lacking()["training"] == ["ml.m5.xlarge"]
    home.restore(["ml.m5.large"])
    assert worker.lacking()["training"] == ["ml.m5.xlarge"]


def test_a_quota_is_no_capacity(tmp_path):
    capacity = Capacity(LocalSettings(state_dir=tmp_path))
    capacity.forbid(["ml.m5.large"], ["training"])
    assert capacity.has("ml.m5.large", "training")
    assert not capacity.allows("ml.m5.large", "training")
    assert capacity.allows("ml.m5.large", "spot")
    capacity.permit(["ml.m5.large"])
    assert capacity.forbidden() == {"training": [], "spot": [], "hosting": []}


def test_the_command_changes_one_region_and_refuses_one_that_is_not_there(tmp_path):
    (tmp_path / "regions.json").write_text('["us-east-1", "eu-west-1"]')

    def result(*arguments):
        given = ["capacity", *arguments, "--state-dir", str(tmp_path), "--json"]
        return CliRunner().invoke(app, given)

    told = result("ml.local.cpu1", "--use", "training", "--region", "eu-west-1", "--quota")
    assert json.loads(told.stdout)["training"] == ["ml.local.cpu1"]
    assert json.loads(result("--quota").stdout)["training"] == []
    assert json.loads(result("--region", "eu-west-1").stdout)["training"] == []
    refused = result("--region", "eu-north-1")
    assert refused.exit_code == 2
    assert "has no region 'eu-north-1'" in refused.output
