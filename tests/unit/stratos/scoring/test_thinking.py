"""Thinking is cut off, whatever a template does with its tags."""

import pytest

from stratos.scoring.thinking import without_thinking


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("<think>2 and 2</think>\n#### 4", "#### 4"),
        ("2 and 2\n</think>\n\n#### 4", "#### 4"),
        ("<think>\nso #### 5</think>so\n#### 4", "so\n#### 4"),
        ("[THINK]hm[/THINK]yes", "yes"),
        ("<Thinking>hm</Thinking> yes", "yes"),
        ("<think>a</think><think>b</think>yes", "yes"),
        ("First.\n<think>hm</think>\nThen.", "First.\n\nThen."),
        ("<think></think>yes", "yes"),
        ("<think>2 and 2 #### 4", ""),
        ("Well.\n<think>2 and 2 #### 4", "Well."),
        ("<think>2</think>", ""),
        ("Use the <think> tag.", "Use the <think> tag."),
        (" plain ", "plain"),
        ("", ""),
    ],
)
def test_what_is_said_besides_thinking(reply, said):
    assert without_thinking(reply) == said


def test_many_tags_take_linear_time():
    assert without_thinking("x" + "<think>" * 100_000) == "x" + "<think>" * 100_000
    assert without_thinking("<think>" * 100_000) == ""
    assert without_thinking("</think>" * 100_000).startswith("</think>")
