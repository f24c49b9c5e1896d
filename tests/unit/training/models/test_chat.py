import pytest

from stratos.contracts.messages import Message
from tests.unit.training.tiny_models import make_tokenizer
from training.models.chat import ChatFormat

ASKED = (Message(role="system", content="be brief"), Message(role="user", content="what?"))


def test_prompt_and_completion_join_to_the_rendered_conversation():
    tokenizer = make_tokenizer()
    chat = ChatFormat(tokenizer)
    prompt, completion = chat.prompts([ASKED])[0], chat.completions(["yes."])[0]
    rendered = tokenizer.apply_chat_template(
        [*(m.model_dump() for m in ASKED), {"role": "assistant", "content": "yes."}],
        tokenize=False,
    )
    assert tokenizer.decode(prompt + completion) == rendered
    assert completion[-1] in chat.eos
    assert chat.text(completion) == "yes."


def test_the_turn_ends_with_the_templates_own_token_even_if_eos_is_another():
    tokenizer = make_tokenizer()
    tokenizer.eos_token = "<pad>"
    chat = ChatFormat(tokenizer, eos=[0])
    assert chat.end_of_turn == "<|end|>"
    assert chat.eos == {0, 1}


def test_a_template_without_an_end_falls_back_to_the_eos_token():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
    assert ChatFormat(tokenizer).end_of_turn == "<|end|>"


def test_a_model_without_a_chat_template_is_refused():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(ValueError, match="no chat template"):
        ChatFormat(tokenizer)
