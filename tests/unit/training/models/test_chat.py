import pytest

from stratos.contracts.messages import Message, Tool, ToolCall, openai_tool, template_messages
from tests import tool_templates
from tests.unit.training.tiny_models import make_tokenizer, tool_tokenizer
from training.models.chat import ChatFormat, Dialogue, ModelReply

ASKED = (Message(role="system", content="be brief"), Message(role="user", content="what?"))


def test_prompt_and_completion_join_to_the_rendered_conversation():
    tokenizer = make_tokenizer()
    chat = ChatFormat(tokenizer)
    prompt, completion = chat.prompts([Dialogue(ASKED)])[0], chat.completions(["yes."])[0]
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


WEATHER = Tool(
    name="weather",
    description="of a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
)
OSLO = ToolCall(name="weather", arguments={"city": "Oslo", "days": 2}, id="call_abc")
ASKED_WEATHER = Dialogue((Message(role="user", content="sun?"),), (WEATHER,))
ANSWERED = Dialogue(
    (
        *ASKED_WEATHER.messages,
        Message(role="assistant", content="", tool_calls=(OSLO,)),
        Message(role="tool", content="rain", tool_call_id="call_abc"),
    ),
    (WEATHER,),
)


@pytest.mark.parametrize("name", tool_templates.SYNTAXES)
@pytest.mark.parametrize("dialogue", [ASKED_WEATHER, ANSWERED], ids=["first", "after an answer"])
def test_a_reply_with_calls_is_what_the_template_writes_and_is_read_again(name, dialogue):
    tokenizer = tool_tokenizer(tool_templates.SYNTAXES[name])
    chat = ChatFormat(tokenizer)
    reply = ModelReply("", (ToolCall(name="weather", arguments={"city": "Rome", "days": 1}),))
    (prompt,) = chat.prompts([dialogue])
    (written,) = chat.completions([chat.reply_text(dialogue, reply)])
    said = Message(role="assistant", content="", tool_calls=reply.tool_calls)
    rendered = tokenizer.apply_chat_template(
        template_messages([*dialogue.messages, said]),
        tools=[openai_tool(WEATHER)],
        tokenize=False,
    )
    switched_off = "<think>\n\n</think>\n\n"
    assert tokenizer.decode(prompt + written).replace(switched_off, "") == rendered
    assert (switched_off in tokenizer.decode(prompt)) == (name == "switched")
    assert written[-1] in chat.eos
    assert chat.reply(written[:-1], dialogue.tools) == reply


SNOW = Tool(name="wet_snow", description="of a place")


@pytest.mark.parametrize("name", tool_templates.SYNTAXES)
@pytest.mark.parametrize("dialogue", [ASKED_WEATHER, ANSWERED], ids=["first", "after an answer"])
def test_a_call_of_a_named_tool_begins_as_the_template_writes_it(name, dialogue):
    tokenizer = tool_tokenizer(tool_templates.SYNTAXES[name])
    chat = ChatFormat(tokenizer)
    opening = chat.opening(dialogue)
    assert opening
    for given in ({}, {"days": 1}, {"city": "Rome", "days": 1}):
        reply = ModelReply("", (ToolCall(name="weather", arguments=given),))
        (written,) = chat.completions([chat.reply_text(dialogue, reply)])
        assert written[: len(opening)] == opening
    # This one writes the arguments before the name.
    assert ("weather" in tokenizer.decode(opening)) == (name != "Hermes")


def test_calls_of_several_tools_begin_alike_up_to_where_their_names_part():
    tokenizer = tool_tokenizer(tool_templates.GRANITE)
    chat = ChatFormat(tokenizer)
    opening = chat.opening(Dialogue(ASKED_WEATHER.messages, (WEATHER, SNOW)))
    assert tokenizer.decode(opening) == '<|tool_call|>[{"name": "we'


def test_a_required_call_needs_a_template_that_writes_calls():
    chat = ChatFormat(tool_tokenizer(tool_templates.FORGETFUL))
    with pytest.raises(ValueError, match="cannot write a call: it renders the messages"):
        chat.opening(ASKED_WEATHER)


def test_one_call_alone_does_not_say_where_its_arguments_begin():
    loop = "{% for m in messages %}"
    only = "{% if m.tool_calls and 'a' not in m.tool_calls[0].function.arguments %}"
    only += "{{ raise_exception('give a') }}{% endif %}"
    chat = ChatFormat(tool_tokenizer(tool_templates.GRANITE.replace(loop, loop + only)))
    with pytest.raises(ValueError, match="give a"):
        chat.opening(ASKED_WEATHER)


def test_a_token_that_begins_calls_may_be_a_special_one():
    tokenizer = tool_tokenizer(tool_templates.MISTRAL)
    tokenizer.add_special_tokens({"additional_special_tokens": ["[TOOL_CALLS]"]})
    chat = ChatFormat(tokenizer)
    (written,) = chat.completions([chat.reply_text(ASKED_WEATHER, ModelReply("", (OSLO,)))])
    assert "TOOL_CALLS" not in chat.text(written)
    assert chat.reply(written[:-1], (WEATHER,)).tool_calls[0].arguments == OSLO.arguments


def test_nothing_is_a_call_where_no_tool_is_offered():
    chat = ChatFormat(tool_tokenizer(tool_templates.LLAMA))
    text = chat.reply_text(ASKED_WEATHER, ModelReply("", (OSLO,)))
    (written,) = chat.completions([text])
    assert chat.reply(written[:-1], ()) == ModelReply(text)


def test_a_reply_without_calls_is_its_text_whatever_the_template_knows():
    chat = ChatFormat(tool_tokenizer(tool_templates.DEAF))
    assert chat.reply_text(ASKED_WEATHER, ModelReply("no idea")) == "no idea"


def test_calls_that_a_template_cannot_write_are_refused_with_the_reason():
    chat = ChatFormat(tool_tokenizer(tool_templates.LLAMA))
    with pytest.raises(ValueError, match="cannot write a call: one call at once"):
        chat.reply_text(ASKED_WEATHER, ModelReply("", (OSLO, OSLO)))
    chat = ChatFormat(tool_tokenizer(tool_templates.TAGS))
    misread = ToolCall(name="weather", arguments={"city": "a\n</parameter>\n<"})
    with pytest.raises(ValueError, match="writes calls that are read otherwise"):
        chat.reply_text(ASKED_WEATHER, ModelReply("", (misread,)))


def test_replies_to_offered_tools_need_a_template_that_knows_calls():
    chat = ChatFormat(tool_tokenizer(tool_templates.DEAF))
    with pytest.raises(ValueError, match="cannot be used with tools: it leaves out the name"):
        chat.reply([9, 10], (WEATHER,))


def test_a_call_that_begins_and_cannot_be_read_is_no_answer_without_calls():
    chat = ChatFormat(tool_tokenizer(tool_templates.HERMES))
    (written,) = chat.completions(['I look.\n<tool_call>\n{"name": 1}'])
    (call,) = chat.reply(written[:-1], (WEATHER,)).tool_calls
    assert (call.name, list(call.arguments)) == ("", ["unreadable arguments"])
