"""Resources of a template."""

from __future__ import annotations

from typing import Any


def only(template: dict[str, Any], type_: str) -> dict[str, Any]:
    (found,) = (r for r in template["Resources"].values() if r["Type"] == type_)
    return found


def of_type(template: dict[str, Any], type_: str) -> dict[str, Any]:
    return {k: r["Properties"] for k, r in template["Resources"].items() if r["Type"] == type_}


def function(template: dict[str, Any], name: str) -> dict[str, Any]:
    functions = of_type(template, "AWS::Lambda::Function").values()
    (found,) = (f for f in functions if f["FunctionName"] == name)
    return found
