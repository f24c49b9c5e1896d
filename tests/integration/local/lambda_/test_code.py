"""What a function's code may import, and where it comes from."""

from __future__ import annotations

from moto_cloud import ECHO, Cloud, package


def test_a_package_without_a_dependency_fails_although_this_environment_has_it(
    cloud: Cloud,
) -> None:
    cloud.create_function("lacking", "import pydantic\n" + ECHO)
    response = cloud.invoke("lacking", {})
    assert response["FunctionError"] == "Unhandled"
    assert response["Payload"]["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'pydantic'" in response["Payload"]["errorMessage"]


def test_a_layer_is_on_the_path(cloud: Cloud) -> None:
    layer = cloud("lambda").publish_layer_version(
        LayerName="extra", Content={"ZipFile": package({"python/extra.py": "WORD = 'layered'\n"})}
    )
    source = "import extra\ndef handler(event, context):\n    return extra.WORD\n"
    cloud.create_function("layered", source, Layers=[layer["LayerVersionArn"]])
    assert cloud.invoke("layered")["Payload"] == "layered"


def test_code_comes_from_a_bucket_and_an_update_of_it_is_picked_up(cloud: Cloud) -> None:
    cloud("s3").create_bucket(Bucket="packages")
    for number in (1, 2):
        body = package({"app.py": f"def handler(event, context):\n    return {number}\n"})
        cloud("s3").put_object(Bucket="packages", Key=f"{number}.zip", Body=body)
    cloud.create_function("bucketed", "", Code={"S3Bucket": "packages", "S3Key": "1.zip"})
    before = cloud.invoke("bucketed")["Payload"]
    cloud("lambda").update_function_code(
        FunctionName="bucketed", S3Bucket="packages", S3Key="2.zip"
    )
    assert [before, cloud.invoke("bucketed")["Payload"]] == [1, 2]
