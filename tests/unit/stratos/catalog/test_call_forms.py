"""Each form of a call tells where the call ends, in time linear in the text."""

from __future__ import annotations

import re

import pytest

from stratos.catalog.call_forms import (
    CallForm,
    JsonCall,
    NameThenJson,
    PythonCall,
    TaggedCall,
    WrittenCall,
    read_object,
)

JSON = JsonCall("name", "arguments", always_has_arguments=True, as_text=False)
FORMS: dict[str, tuple[CallForm, str]] = {
    "JSON": (JSON, '{"name": "f", "arguments": {"x": "a}b"}}'),
    "JSON in text": (
        JsonCall("name", "arguments", always_has_arguments=True, as_text=True),
        '{"name": "f", "arguments": "{\\"x\\": \\"a}b\\"}"}',
    ),
    "a name and JSON": (NameThenJson(re.compile("!")), 'f!{"x": "a}b"}'),
    "Python": (PythonCall(), "f(x='a}b')"),
    "tags": (TaggedCall(">", "<", "=", ";"), "f><x=a}b;"),
}


@pytest.mark.parametrize(("form", "text"), FORMS.values(), ids=FORMS)
def test_a_call_ends_where_it_ends_whatever_follows(form: CallForm, text: str) -> None:
    expected = WrittenCall("f", {"x": "a}b"}), len("> ") + len(text)
    assert form.read(f"> {text} and }} ) more", 2, {}) == expected
    assert form.read(f"> {text}", 1, {}) is None


def test_arguments_may_be_left_out_only_where_the_template_leaves_them_out() -> None:
    text = '{"name": "f"}'
    assert JSON.read(text, 0, {}) is None
    lax = JsonCall("name", "arguments", always_has_arguments=False, as_text=False)
    assert lax.read(text, 0, {}) == (WrittenCall("f", {}), len(text))


def test_a_bracket_inside_quotes_closes_nothing() -> None:
    read = PythonCall().read(r"""f(x=')\')', y=[")]"])""", 0, {})
    assert read is not None
    assert read[0].arguments == {"x": ")')", "y": [")]"]}


@pytest.mark.parametrize("text", ["[1]", "", '{"a": Infinity}', '{"a": "\\udc00"}', "{'a': 1}"])
def test_what_is_no_object_of_json_is_none(text: str) -> None:
    assert read_object(text, 0) is None
