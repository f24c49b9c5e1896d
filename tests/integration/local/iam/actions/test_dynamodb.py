"""DynamoDB: an index is a resource of its own, and a transaction is what it holds."""

from __future__ import annotations

from api_requests import needed


def test_items_are_of_a_table() -> None:
    assert needed("dynamodb", "UpdateItem", TableName="runs") == [
        ("dynamodb:UpdateItem", "table/runs")
    ]


def test_a_query_on_an_index_needs_the_index() -> None:
    assert needed("dynamodb", "Query", TableName="runs", IndexName="by_spec") == [
        ("dynamodb:Query", "table/runs/index/by_spec")
    ]


def test_a_batch_needs_each_of_its_tables() -> None:
    assert needed("dynamodb", "BatchGetItem", RequestItems={"a": {}, "b": {}}) == [
        ("dynamodb:BatchGetItem", "table/a"),
        ("dynamodb:BatchGetItem", "table/b"),
    ]


def test_a_transaction_needs_the_actions_that_it_holds() -> None:
    items = [{kind: {"TableName": "runs"}} for kind in ("ConditionCheck", "Put", "Update")]
    assert [
        action for action, _ in needed("dynamodb", "TransactWriteItems", TransactItems=items)
    ] == [
        "dynamodb:ConditionCheckItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    ]
