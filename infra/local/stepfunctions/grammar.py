"""Definitions that moto's grammar of the States Language refuses or misreads, read as on AWS."""

from __future__ import annotations

import json
import re
from typing import Any

from moto.stepfunctions.parser.asl.component.common.payload.payloadvalue.payloadbinding.payload_binding import (  # noqa: E501
    PayloadBindingStringExpressionSimple,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from infra.local.host.patching import Patches

_WHOLE_PERCENTAGE = re.compile(r'("ToleratedFailurePercentage"\s*:\s*)(\d+)(?=\s*[,}])')
"""The grammar takes a percentage with a decimal point only; a whole number is an error."""
_ROLE_FIELD = re.compile(r'("Credentials"\s*:\s*\{\s*)?"RoleArn\.\$"')
"""The grammar knows this field in a task's Credentials; elsewhere it takes the expression for text.
"""
_ROLE_FIELD_ESCAPED = r'"\u0052oleArn.$"'
"""The same JSON string, in which the grammar sees no word of its own."""


def mend_grammar(patches: Patches) -> None:
    """Install the readings; `patches.restore()` takes them back."""

    def parse(definition: str) -> Any:
        definition = _WHOLE_PERCENTAGE.sub(r"\1\2.0", definition)
        return original_parse(_ROLE_FIELD.sub(_escaped, definition))

    def visit(preprocessor: Any, context: Any) -> PayloadBindingStringExpressionSimple:
        read = original_visit(preprocessor, context)
        return PayloadBindingStringExpressionSimple(
            json.loads(f'"{read.field}"'), read.string_expression_simple
        )

    original_parse = patches.replace(
        AmazonStateLanguageParser, "parse", staticmethod(parse)
    ).__func__
    original_visit = patches.replace(Preprocessor, "visitPayload_binding_sample", visit)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[1] else _ROLE_FIELD_ESCAPED
