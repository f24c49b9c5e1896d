import json

import pytest

from stratos.deploying.assembly import (
    Archive,
    asset_bucket_name,
    built_folder,
    read_stacks,
)
from stratos.errors import NothingToDeploy


def test_the_home_stack_comes_first_and_worker_regions_after_it(folder):
    home, worker = read_stacks(folder)
    assert (home.name, home.region, home.is_home) == ("Stratos", "", True)
    assert (worker.name, worker.region, worker.is_home) == ("stratos-worker", "eu-west-1", False)


def test_a_template_refers_to_the_deployments_bucket_and_to_nothing_of_the_cdks(folder):
    home, worker = read_stacks(folder)
    for stack in (home, worker):
        code = stack.template["Resources"]["Work"]["Properties"]["Code"]
        assert code["S3Bucket"] == {"Fn::Sub": "stratos-assets-${AWS::AccountId}-${AWS::Region}"}
        assert stack.template["Parameters"].keys() == {"SubnetIds"}
        assert "Rules" not in stack.template
        assert "cdk" not in stack.template_text
    name = asset_bucket_name("Stratos", "1", "eu-west-1")
    assert name == "stratos-assets-1-eu-west-1"


def test_archives_are_the_files_that_functions_and_jobs_read(folder):
    home, _ = read_stacks(folder)
    assert home.archives == (Archive(folder / "code.zip", "abc.zip"),)


def test_roles_of_given_names_are_acknowledged_as_such(folder):
    path = folder / "Stratos.template.json"
    template = json.loads(path.read_text())
    assert read_stacks(folder)[0].capabilities == ["CAPABILITY_IAM"]
    template["Resources"]["Role"]["Properties"]["RoleName"] = "r"
    path.write_text(json.dumps(template))
    assert read_stacks(folder)[0].capabilities == ["CAPABILITY_NAMED_IAM"]


def test_another_stacks_name_is_refused_with_how_to_synthesize_it(folder):
    with pytest.raises(NothingToDeploy, match=r"synthesized for the stack Stratos.*stack=Dev"):
        read_stacks(folder, "Dev")


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(NothingToDeploy, match=r"no manifest\.json"):
        read_stacks(tmp_path / "nowhere")


def test_a_template_that_needs_bootstrapping_is_left_to_the_cdk(folder):
    path = folder / "Stratos.template.json"
    path.write_text(path.read_text().replace("abc.zip", "cdk-hnb659fds-lookup-role"))
    with pytest.raises(NothingToDeploy, match="npx cdk deploy"):
        read_stacks(folder)


def test_what_is_no_archive_is_left_to_the_cdk(folder):
    (folder / "code.zip").unlink()
    (folder / "code.zip").mkdir()
    with pytest.raises(NothingToDeploy, match="archives alone"):
        read_stacks(folder)


def test_two_home_stacks_in_one_folder_must_be_told_apart(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    other = manifest["artifacts"]["Stratos-eu-west-1"]
    other["properties"] |= {"stackName": "Dev", "tags": {"stratos:stack": "Dev"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NothingToDeploy, match=r"Dev, Stratos; say which with --stack"):
        read_stacks(folder)
    assert [stack.name for stack in read_stacks(folder, "Dev")] == ["Dev"]


def test_a_clone_deploys_what_it_synthesized():
    assert built_folder().name == "cdk.out"
    assert read_stacks(built_folder())[0].name == "Stratos"
