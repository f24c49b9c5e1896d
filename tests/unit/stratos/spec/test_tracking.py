"""The MLflow that a spec may name."""

import pytest
from pydantic import ValidationError

from stratos.spec.tracking import ManagedMlflow, MlflowTracking

MANAGED = "arn:aws:sagemaker:eu-west-1:123456789012:"
SERVER = f"{MANAGED}mlflow-tracking-server/experiments"
APP = f"{MANAGED}mlflow-app/app-AB12"


def test_a_tracker_is_named_by_the_address_of_its_server():
    tracking = MlflowTracking(tracking_uri="https://MLflow.example.com:5000/x")
    assert tracking.host == "mlflow.example.com"
    for address in ("mlflow.example.com", "file:///tmp/mlruns", "databricks"):
        with pytest.raises(ValidationError, match="tracking_uri"):
            MlflowTracking(tracking_uri=address)
    with pytest.raises(ValidationError, match="experiment"):
        MlflowTracking(tracking_uri="https://mlflow.example.com", experiment='say "x"')


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example#@good.example",
        "https://evil.example?@good.example",
        "https://user:word@mlflow.example.com",
        "https://mlflow.example.com/x?y=1",
        "https://x'$(id)'.example",
    ],
)
def test_an_address_of_a_tracker_that_hides_its_host_is_refused(address):
    with pytest.raises(ValidationError, match=r"(?s)tracking_uri.*(`\?`|user's name|is no host)"):
        MlflowTracking(tracking_uri=address)


def test_a_token_is_never_sent_in_clear():
    with pytest.raises(ValidationError, match=r"would go to http://mlflow.* in clear; give an"):
        MlflowTracking(tracking_uri="http://mlflow.example.com", token_secret="stratos/mlflow")
    with pytest.raises(ValidationError, match=r"a password would go to http://.* login_secret out"):
        MlflowTracking(tracking_uri="http://mlflow.example.com", login_secret="stratos/mlflow")


def test_a_server_is_shown_a_token_or_a_login_and_not_both():
    with pytest.raises(ValidationError, match="leave one out"):
        MlflowTracking(tracking_uri="https://a.example", token_secret="s/t", login_secret="s/l")


def test_sagemakers_managed_mlflow_is_named_by_its_arn():
    server, app = (MlflowTracking(tracking_uri=arn) for arn in (SERVER, APP))
    assert server.managed == ManagedMlflow(SERVER, "eu-west-1", "123456789012", is_app=False)
    assert server.host == "eu-west-1.experiments.sagemaker.aws"
    assert app.host == "mlflow.sagemaker.eu-west-1.app.aws"
    assert MlflowTracking(tracking_uri="https://mlflow.example.com").managed is None


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/mine",
        "arn:aws:sagemaker:eu-west-1:12345:mlflow-app/app-1",
        "arn:aws-cn:sagemaker:cn-north-1:123456789012:mlflow-tracking-server/mine",
        f"{SERVER}/../other",
        f"{SERVER} --region x",
    ],
)
def test_an_arn_of_something_else_is_told_what_one_looks_like(arn):
    with pytest.raises(ValidationError, match=r"is no ARN of SageMaker's managed MLflow; write"):
        MlflowTracking(tracking_uri=arn)


def test_sagemakers_managed_mlflow_is_shown_no_secret():
    with pytest.raises(ValidationError, match="the job's role; leave token_secret out"):
        MlflowTracking(tracking_uri=SERVER, token_secret="stratos/mlflow")


def test_a_tracker_without_a_login_is_written_as_before_there_were_any():
    assert "login_secret" not in MlflowTracking(tracking_uri=SERVER).model_dump()
