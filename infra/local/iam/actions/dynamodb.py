"""DynamoDB: tables, their indexes, and what batches and transactions hold.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from moto.dynamodb.models import dynamodb_backends

from infra.local.iam.api_request import ApiRequest
from infra.local.iam.encryption import DECRYPT, uses_key
from infra.local.iam.requirement import Requirement, Rule

_TRANSACTED = {
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Delete": "dynamodb:DeleteItem",
    "Get": "dynamodb:GetItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
}
_ON_ITEMS = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan")


def _table(request: ApiRequest, name: str, index: str = "") -> str:
    arn = name if name.startswith("arn:") else request.arn("dynamodb", f"table/{name}")
    return f"{arn}/index/{index}" if index else arn


def _key(request: ApiRequest, name: str) -> Iterator[Requirement]:
    """DynamoDB opens a table's own key with the caller's rights."""
    backend = dynamodb_backends[request.account][request.region]
    table = backend.tables.get(name.rpartition("/")[2])
    encryption = getattr(table, "sse_specification", None) or {}
    key = encryption.get("KMSMasterKeyId") if encryption.get("Enabled") else None
    yield from uses_key(request.account, request.region, key, "dynamodb", DECRYPT)


def _on_items(operation: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        name = request.get("TableName")
        arn = _table(request, name, request.get("IndexName"))
        yield Requirement(f"dynamodb:{operation}", arn)
        yield from _key(request, name)

    return rule


def _on_table(operation: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        yield Requirement(f"dynamodb:{operation}", _table(request, request.get("TableName")))

    return rule


def _batch(operation: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        for name in request.parameters.get("RequestItems") or {}:
            yield Requirement(f"dynamodb:{operation}", _table(request, name))
            yield from _key(request, name)

    return rule


def _transaction(request: ApiRequest) -> Iterator[Requirement]:
    """A transaction is judged by what it holds."""
    for item in request.parameters.get("TransactItems") or []:
        for kind, asked in item.items():
            if asked:
                yield Requirement(_TRANSACTED[kind], _table(request, asked["TableName"]))
                yield from _key(request, asked["TableName"])


RULES: Mapping[str, Mapping[str, Rule]] = {
    "dynamodb": {
        **{operation: _on_items(operation) for operation in _ON_ITEMS},
        "DescribeTable": _on_table("DescribeTable"),
        "BatchGetItem": _batch("BatchGetItem"),
        "BatchWriteItem": _batch("BatchWriteItem"),
        "TransactGetItems": _transaction,
        "TransactWriteItems": _transaction,
    }
}
