"""A GGUF whose tokens or prompts are others than transformers' is refused."""

import json

import gguf
import pytest
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from transformers import TokenizersBackend

from serving.export import vocabulary
from serving.export.comparison import PROBES, compare, next_token_of
from serving.export.gguf_file import write_gguf
from serving.llama_cpp.process import LlamaServer
from stratos.contracts.messages import Message, Tool, ToolCall
from stratos.contracts.records import TrainingRecord
from stratos.errors import NotExportable
from tests.unit.serving.export.tiny_folders import (
    TEMPLATE,
    TOOL_TEMPLATE,
    ask,
    save,
    tokenizer_of,
)

SYSTEM_REFUSED = (
    "{% for m in messages %}{% if m.role == 'system' %}"
    "{{ raise_exception('no system messages') }}{% endif %}{% endfor %}" + TEMPLATE
)


@pytest.mark.parametrize("template", [TEMPLATE, SYSTEM_REFUSED], ids=["every role", "no system"])
def test_a_file_that_tokenizes_and_renders_alike_passes(tmp_path, template):
    folder = save(tmp_path, tokenizer=tokenizer_of(template=template))
    compare(folder, write_gguf(folder, "float16"), "float16", next_token_of(folder))


def test_another_way_to_split_text_is_refused_with_the_first_token(tmp_path, monkeypatch):
    tokenizer = tokenizer_of()
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    # A merge that is never made, as each digit stands alone.
    state["model"]["vocab"]["99"] = 512
    state["model"]["merges"].append(["9", "9"])
    tokenizer = TokenizersBackend(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), eos_token="<|end|>"
    )
    tokenizer.chat_template = TEMPLATE
    folder = save(tmp_path, tokenizer=tokenizer)
    compare(folder, write_gguf(folder, "float16"), "float16", next_token_of(folder))
    monkeypatch.setattr(vocabulary, "pre_tokenizer_name", lambda tokenizer: "gpt-2")
    path = write_gguf(folder, "float16")
    with pytest.raises(
        NotExportable,
        match=r"split digits unlike one another, after '7 42 365 1': 512 '99' in llama.cpp, "
        r"\d+ '9' in transformers",
    ):
        compare(folder, path, "float16", next_token_of(folder))


def test_another_prompt_is_refused_with_its_first_difference(tmp_path):
    folder = save(tmp_path)
    path = write_gguf(folder, "float16")
    (folder / "chat_template.jinja").write_text(TEMPLATE.replace("m.content", "m.content|trim"))
    with pytest.raises(NotExportable, match=r"render a question unlike one another, after '.*'"):
        compare(folder, path, "float16", next_token_of(folder))


def test_a_template_that_refuses_a_question_is_refused(tmp_path):
    folder = save(tmp_path)
    path = write_gguf(folder, "float16")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('no questions') }}")
    with pytest.raises(NotExportable, match="the chat template refuses a question: no questions"):
        compare(folder, path, "float16", next_token_of(folder))


def test_a_file_that_cannot_be_loaded_is_refused_with_the_servers_log(tmp_path):
    folder = save(tmp_path)
    path = write_gguf(folder, "float16")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(NotExportable, match=r"(?s)llama.cpp cannot serve model.gguf: .*log ends"):
        compare(folder, path, "float16", next_token_of(folder))


def test_probes_are_composed():
    for text in PROBES.values():
        assert normalizers.NFC().normalize_str(text) == text


def test_a_start_token_is_added_only_where_the_template_begins_with_it(tmp_path):
    tokenizer = tokenizer_of(template="{{ bos_token }}" + TEMPLATE)
    tokenizer.bos_token = "<|pad|>"
    folder = save(tmp_path, tokenizer=tokenizer)
    path = write_gguf(folder, "float16")
    fields = gguf.GGUFReader(path).fields
    assert fields["tokenizer.ggml.add_bos_token"].contents() is False
    compare(folder, path, "float16", next_token_of(folder))
    with LlamaServer(path, ["--ctx-size", "256", "--jinja"]) as server:
        asked = {"messages": [{"role": "user", "content": "?"}]}
        assert ask(server, "/apply-template", asked)["prompt"].startswith("<|pad|>")


def test_a_qwen_like_tokenizer_is_recognised_and_passes(tmp_path):
    tokenizer = tokenizer_of()
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    state["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [split | {"invert": False}, byte_level | {"use_regex": False}],
    }
    backend = type(tokenizer.backend_tokenizer).from_str(json.dumps(state))
    tokenizer.backend_tokenizer.pre_tokenizer = backend.pre_tokenizer
    assert isinstance(backend.pre_tokenizer, pre_tokenizers.Sequence)
    folder = save(tmp_path, tokenizer=tokenizer)
    path = write_gguf(folder, "float16")
    assert gguf.GGUFReader(path).fields["tokenizer.ggml.pre"].contents() == "qwen2"
    compare(folder, path, "float16", next_token_of(folder))


CALL = ToolCall(name="look", arguments={"where": 'Größe "你好"', "depth": 1.5, "fast": True})
TAUGHT = TrainingRecord(
    id="r1",
    messages=(
        Message(role="user", content="Look there."),
        Message(role="assistant", content="", tool_calls=(CALL,)),
        Message(role="tool", content='{"found": null}', tool_call_id="call_0", name="look"),
    ),
    tools=(
        Tool(
            name="look",
            description="Looks <there> & 'here': naïve, 你好",
            parameters={
                "type": "object",
                "properties": {"where": {"type": "string"}, "depth": {"default": 0.5}},
                "required": ["where"],
            },
        ),
        # What has no description is shown alike, too.
        Tool(name="stay", parameters={"type": "object", "properties": {}}),
    ),
    completion="Nothing.",
    strategy="alignment",
)


def test_prompts_with_tools_are_compared_as_they_were_taught(tmp_path):
    folder = save(tmp_path, tokenizer=tokenizer_of(template=TOOL_TEMPLATE))
    path = write_gguf(folder, "float16")
    compare(folder, path, "float16", next_token_of(folder), [TAUGHT])
    # What is served says the same of tools in other words.
    other = TOOL_TEMPLATE.replace("You may call:", "Call one of:")
    (folder / "chat_template.jinja").write_text(other)
    with pytest.raises(NotExportable, match="render record r1 unlike one another, after"):
        compare(folder, path, "float16", next_token_of(folder), [TAUGHT])
