import json

import pytest

from training.teachers.parameters import Parameters, refused_parameter

SENT = ("max_tokens", "temperature", "seed")


@pytest.mark.parametrize(
    ("refusal", "about"),
    [
        ("`temperature` is deprecated for this model.", "temperature"),
        ("This model doesn't support the temperature field. Remove temperature.", "temperature"),
        ("invalid temperature: only 1 is allowed for this model", "temperature"),
        ("Unrecognized request argument supplied: seed", "seed"),
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
        ),
        (json.dumps({"error": {"message": "not supported", "param": "seed"}}), "seed"),
        (json.dumps({"error": {"message": "seed not supported", "param": "messages"}}), None),
        ("messages: unsupported role", None),
        ("temperature must be between 0 and 2", None),
        ("a seedy word that is unsupported", None),
        ("", None),
    ],
)
def test_what_an_error_is_about(refusal, about):
    assert refused_parameter(SENT, refusal) == about


def test_a_parameter_is_renamed_or_dropped_for_good():
    parameters = Parameters("m", {"max_tokens": "max_completion_tokens"}, ("seed",))
    asked = {"max_tokens": 5, "temperature": 0.0, "seed": 1}
    assert parameters.apply(asked) == asked
    assert parameters.learn(asked, "'max_tokens' is unsupported")
    assert parameters.learn(asked, "seed is unknown")
    mended = {"max_completion_tokens": 5, "temperature": 0.0}
    assert parameters.apply(asked) == mended
    # What cannot be left out, and what was not sent, ends asking again.
    assert not parameters.learn(mended, "temperature is unsupported")
    assert not parameters.learn(mended, "seed is unknown")


def test_a_thread_that_sent_it_before_another_learned_asks_again(caplog):
    parameters = Parameters("m", {}, ("seed",))
    assert parameters.learn(["seed"], "seed is unknown")
    assert parameters.learn(["seed"], "seed is unknown")
    assert caplog.text.count("refuses seed") == 1
