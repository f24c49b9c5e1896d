"""Prompts in the markup of the models that Bedrock takes whole prompts for."""

from __future__ import annotations

import pytest

from stratos.contracts.messages import Message
from stratos.dataset.formats import prompt_markup
from stratos.dataset.formats.prompt_markup import has_markup, turns_in
from stratos.dataset.formats.request_bodies import asked_in

LLAMA_2 = "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n2+2? [/INST] 4 </s><s>[INST] And 3+3? [/INST]"
LLAMA_3 = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n2+2?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n4<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nAnd 3+3?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)
LLAMA_4 = (
    LLAMA_3.replace("<|start_header_id|>", "<|header_start|>")
    .replace("<|end_header_id|>", "<|header_end|>")
    .replace("<|eot_id|>", "<|eot|>")
)
CHATML = (
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n"
    "<|im_start|>assistant\n4<|im_end|>\n<|im_start|>user\nAnd 3+3?<|im_end|>\n"
    "<|im_start|>assistant\n"
)
DEEPSEEK = (
    "<｜begin▁of▁sentence｜>Be brief.<｜User｜>2+2?<｜Assistant｜>4<｜end▁of▁sentence｜>"
    "<｜User｜>And 3+3?<｜Assistant｜><think>\n"
)
CLAUDE = "Be brief.\n\nHuman: 2+2?\n\nAssistant: 4\n\nHuman: And 3+3?\n\nAssistant:"


@pytest.mark.parametrize(
    "prompt",
    [LLAMA_2, LLAMA_3, LLAMA_4, CHATML, DEEPSEEK, CLAUDE],
    ids=["Llama 2", "Llama 3", "Llama 4", "ChatML", "DeepSeek", "Claude"],
)
def test_a_prompt_is_the_turns_that_its_template_wrote(prompt: str) -> None:
    turns = turns_in(prompt)
    assert turns == (
        Message(role="system", content="Be brief."),
        Message(role="user", content="2+2?"),
        Message(role="assistant", content="4"),
        Message(role="user", content="And 3+3?"),
    )
    assert asked_in({"prompt": prompt}, "body").chat.messages == turns


@pytest.mark.parametrize(
    "prompt",
    [
        # As AWS's examples for Llama 3 write it, and Mistral's.
        "\n<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n2+2?\n<|eot_id|>\n"
        "<|start_header_id|>assistant<|end_header_id|>\n",
        "<s>[INST] 2+2? [/INST]",
        "[INST]2+2?[/INST]\n",
        "\n\nHuman: 2+2?\n\nAssistant:",
        "Human: 2+2?\n\nAssistant: ",
        "<｜begin▁of▁sentence｜><｜User｜>2+2?<｜Assistant｜><think>\n",
    ],
)
def test_a_question_alone_is_one_turn(prompt: str) -> None:
    assert turns_in(prompt) == (Message(role="user", content="2+2?"),)


def test_what_a_tool_told_llama_is_a_tools_message() -> None:
    told = "<|start_header_id|>ipython<|end_header_id|>\n\n4<|eot_id|>"
    closing = "<|start_header_id|>assistant<|end_header_id|>\n\n"
    turns = turns_in(LLAMA_3.removesuffix(closing) + told + closing)
    assert turns is not None
    assert turns[-1] == Message(role="tool", content="4")


@pytest.mark.parametrize(
    "prompt",
    [
        LLAMA_3 + "It is",
        LLAMA_3.removesuffix("<|start_header_id|>assistant<|end_header_id|>\n\n"),
        LLAMA_3.replace("<|eot_id|>", "", 1),
        LLAMA_3.replace("<|start_header_id|>user", "<|start_header_id|>judge"),
        "Explain: " + LLAMA_3,
        CHATML + "{",
        LLAMA_2 + " It is",
        LLAMA_2.replace(" </s>", ""),
        "<s>[INST] a [INST] b [/INST]",
        "<s>[INST] a [/INST] b [/INST]",
        "[INST] [/INST]",
        "What does [INST] mean?",
        CLAUDE + " It is",
        CLAUDE.removesuffix("\n\nAssistant:"),
        "\n\nHuman: a\n\nHuman: b\n\nAssistant:",
        "\n\nAssistant: a\n\nHuman: b\n\nAssistant:",
        DEEPSEEK + "Two and two",
        DEEPSEEK.replace("<｜end▁of▁sentence｜>", ""),
        "<s>[INST] \n\nHuman: a [/INST]",
    ],
)
def test_what_no_template_writes_stays_as_it_is(prompt: str) -> None:
    assert has_markup(prompt)
    assert turns_in(prompt) is None
    asked = asked_in({"prompt": prompt}, "body")
    assert asked.chat.messages == (Message(role="user", content=prompt),)
    assert asked.markup == "left"


def test_a_plain_prompt_has_no_markup() -> None:
    for prompt in ("2+2?", "The Human: a study", "a <b> [c]", ""):
        assert not has_markup(prompt)
        assert turns_in(prompt) is None
        assert asked_in({"prompt": prompt}, "body").markup is None


@pytest.mark.parametrize("mark", [*prompt_markup._MARKS, *prompt_markup._READERS])
def test_every_mark_is_found_wherever_a_prompt_has_it(mark: str) -> None:
    assert has_markup(f"{mark} 2+2?")
    assert has_markup(f"2+2?{mark}") == (mark != "Human:")
