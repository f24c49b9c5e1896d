"""The held-out gate, and the deployment of a student that passes it."""

from __future__ import annotations

from botocore.stub import Stubber

from lambdas.aws.bucket import Bucket
from lambdas.aws.elsewhere_files import ElsewhereFiles
from stratos.contracts.regions import JobElsewhere
from stratos.moment import now
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import first_type, start


def test_a_student_that_passes_is_given_a_deployment(account: Account) -> None:
    pipeline = start(account).until_matched()
    pipeline.work(right=45)
    quality = pipeline.check()
    assert quality["passed"], quality["reason"]
    deployment = quality["deployment"]
    assert deployment["endpoint_name"] == "stratos-tiles"
    assert (deployment["replaces_live"], deployment["previous_config_name"]) == (False, None)
    tags = {tag["Key"]: tag["Value"] for tag in deployment["tags"]}
    assert tags["stratos:run"] == pipeline.run.run_id


def test_a_deployment_is_made_of_requests_that_sagemaker_accepts(account: Account) -> None:
    pipeline = start(account).until_matched()
    pipeline.work()
    deployment = pipeline.check()["deployment"]
    client = account.client("sagemaker")
    package = deployment["model_package"] | {"ModelPackageGroupName": "stratos"}
    config = {
        "EndpointConfigName": deployment["endpoint_config_name"],
        "ProductionVariants": [deployment["production_variant"]],
        "Tags": deployment["tags"],
    }
    with Stubber(client) as stubber:
        stubber.add_response("create_model_package", {"ModelPackageArn": "arn:p"}, package)
        client.create_model_package(**package)
        stubber.add_response("create_endpoint_config", {"EndpointConfigArn": "a" * 30}, config)
        client.create_endpoint_config(**config)


def test_the_lineage_names_where_it_was_trained_and_where_it_serves(account: Account) -> None:
    pipeline = start(account).until_matched()
    pipeline.work()

    def properties() -> dict[str, str]:
        deployment = pipeline.check()["deployment"]
        found: dict[str, str] = deployment["model_package"]["CustomerMetadataProperties"]
        return {name: found[name] for name in ("training_region", "serving_regions")}

    assert properties() == {"training_region": "us-east-1", "serving_regions": "us-east-1"}
    distill = pipeline.state["match"]["distill"]
    moment = now()
    ElsewhereFiles(Bucket(pipeline.run.bucket), pipeline.run.run_id).put_job(
        JobElsewhere(
            name=distill["name"],
            step=distill["step"],
            region="eu-west-1",
            handed_over_at=moment,
            seen_at=moment,
            max_seconds=60,
            status="Completed",
        )
    )
    assert properties()["training_region"] == "eu-west-1"


def test_the_last_student_that_misses_its_gate_ends_the_run_with_the_reason(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    pipeline.work(right=4)
    quality = pipeline.check()
    assert (quality["passed"], quality["next_attempt"], quality["deployment"]) == (
        False,
        None,
        None,
    )
    assert "misses min_accuracy 0.05" in quality["reason"]
    assert "no other student" in quality["reason"]


def test_a_student_whose_training_was_cut_is_not_blamed(account: Account) -> None:
    pipeline = start(account).until_matched()
    pipeline.work(right=4, distilled=factories.cut_training())
    reason = pipeline.check()["reason"]
    assert reason.startswith(
        "training stopped at step 70 of 650 by max_training_hours: 0.2; ask for at least 0.9; "
    )
    assert "misses min_accuracy 0.05" in reason
    assert reason.endswith("no other student is left to try")


def test_a_student_no_better_than_untuned_does_not_pass(account: Account) -> None:
    pipeline = start(account, constraints={})
    pipeline.until_matched()
    pipeline.work(right=20, untuned=18)
    quality = pipeline.check()
    assert not quality["passed"]
    assert "does not beat the untuned student" in quality["reason"]


def test_a_quantisation_that_costs_too_much_is_deployed_in_full_precision(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    pipeline.match_quantised()
    pipeline.work(evaluated=factories.evaluated_quantised(340, 360))
    quality = pipeline.check()
    assert quality["passed"], quality["reason"]
    assert "q8_0 costs 3.3 points" in quality["reason"]
    assert "served in float16 on 1 × ml.local.cpu2" in quality["reason"]
    deployment = quality["deployment"]
    assert first_type(deployment) == "ml.local.cpu2"
    properties = deployment["model_package"]["CustomerMetadataProperties"]
    assert properties["accuracy"] == "0.6000"
    kept = pipeline.evidence()
    assert kept.plan.engine is not None
    assert kept.plan.engine.precision == "float16"
    assert pipeline.check()["reason"] == quality["reason"]  # called again after a failure
    pipeline.register()
    taken = pipeline.take_turn()
    assert first_type(taken) == "ml.local.cpu2"
    pipeline.deploy()
    pipeline.promote()
    pipeline.report()
    summary = pipeline.summary()
    assert summary.student is not None
    assert summary.student.accuracy.successes == 360
    assert summary.served is not None
    assert summary.served.beside is not None
    assert (summary.served.precision, summary.served.beside.precision) == ("float16", "q8_0")
    assert "q8_0 costs 3.3 points" in str(summary.served.changed)
    assert "in float16 through llama.cpp b10566" in account.notices()[-1]
