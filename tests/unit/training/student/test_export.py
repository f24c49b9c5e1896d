"""The model artifact that a student leaves."""

import hashlib
import json
import logging
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoModelForCausalLM, AutoTokenizer

from serving.export.chat_template import NO_CALLS, NO_THINKING, NO_TOOLS
from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import DistillConfig
from stratos.contracts.messages import Message, Tool, ToolCall
from stratos.contracts.records import TrainingRecord
from stratos.errors import NotExportable
from stratos.spec import Weights
from tests import tool_templates
from tests.unit.serving.export.tiny_folders import TOOL_TEMPLATE
from tests.unit.training.jobs import BASE
from tests.unit.training.tiny_models import (
    TEMPLATE,
    make_local,
    make_tokenizer,
    save_in_parts,
    save_model,
    tool_tokenizer,
)
from training.models.chat import ChatFormat
from training.models.weights import load_model
from training.student import adapter
from training.student import export as exporting
from training.student.export import (
    base_seconds,
    describe,
    export,
    export_gguf,
    exportable,
    gguf_seconds,
)
from training.student.student import Student

# peft 0.21 asks transformers by a name that transformers 5 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.mark.parametrize("method", ["full", "lora"])
def test_an_exported_student_is_read_back_whole(tmp_path, method):
    student = Student(make_local(), method, "float32", 4, 0)
    digest = export(student, tmp_path)
    (weights,) = tmp_path.glob("*.safetensors")
    inner = hashlib.sha256(weights.read_bytes()).digest()
    assert digest == hashlib.sha256(inner).hexdigest()
    assert (tmp_path / "adapter").exists() == (method == "lora")
    found = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert found.num_parameters() == student.num_parameters


def test_an_exported_student_answers_greedily_and_ends_with_its_turn(tmp_path):
    local = make_local()
    local.model.generation_config.update(do_sample=True, temperature=0.6, top_p=0.9, top_k=20)
    export(Student(local, "full", "float32", 4, 0), tmp_path)
    settings = json.loads((tmp_path / "generation_config.json").read_text())
    assert (settings["eos_token_id"], settings["do_sample"]) == ([1], False)
    assert settings["temperature"] == 0.0
    assert not {"top_p", "top_k"} & settings.keys()


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16, torch.float32])
def test_weights_keep_the_precision_of_the_base(tmp_path, method, stored):
    base, folder = tmp_path / "base", tmp_path / "exported"
    local = make_local()
    local.model.to(stored).save_pretrained(base)
    local.tokenizer.save_pretrained(base)
    local = load_model("tiny", str(base), "float32")
    assert local.model.dtype == torch.float32
    export(Student(local, method, "float32", 4, 0), folder)
    assert {weight.dtype for weight in load_file(folder / "model.safetensors").values()} == {stored}
    config = json.loads((folder / "config.json").read_text())
    assert config["dtype"] == str(stored).removeprefix("torch.")


def test_the_template_is_exported_without_its_thinking_switch(tmp_path):
    tokenizer = make_tokenizer()
    thinking = TEMPLATE + "{% if enable_thinking %}<think>{% endif %}"
    tokenizer.chat_template = thinking
    export(Student(make_local(tokenizer), "full", "float32", 4, 0), tmp_path)
    exported = (tmp_path / "chat_template.jinja").read_text()
    assert exported == NO_THINKING + NO_TOOLS + NO_CALLS + thinking


def config_of(*gguf, required=True):
    return DistillConfig.model_validate(
        {
            **BASE,
            "student": {"kind": "weights", "path": "tiny"},
            "method": "full",
            "precision": "float32",
            "training": {},
            "gguf": gguf,
            "gguf_required": required,
        }
    )


def test_a_student_is_exported_in_full_and_quantised(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="training")
    export(Student(make_local(), "full", "float32", 4, 0), tmp_path)
    config = config_of("float16", "q4_k_m")
    assert export_gguf(tmp_path, config) == config.gguf
    assert {path.name for path in tmp_path.glob("*.gguf")} == {"model.gguf", "model-q4_k_m.gguf"}
    assert caplog.text.count("MiB, tokens, prompts and logits as in transformers") == 2
    assert [line for line in caplog.messages if line.startswith("writing")] == [
        "writing model.gguf",
        "writing model-q4_k_m.gguf",
    ]
    with pytest.raises(ValueError, match="float32, float16 would be in one file"):
        config_of("float32", "float16")


def test_a_student_that_llama_cpp_cannot_serve_goes_to_vllm_alone(caplog):
    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.pre_tokenizer = Whitespace()
    student = Student(make_local(tokenizer), "full", "float32", 4, 0)
    assert exportable(student, config_of("float16", required=False)) == ()
    assert "tiny is exported without GGUF, for vLLM alone: the tokenizer" in caplog.text
    with pytest.raises(NotExportable, match="the tokenizer splits text by"):
        exportable(student, config_of("float16"))


def test_more_ends_than_llama_cpp_takes_are_found_before_training():
    local = make_local()
    chat = ChatFormat(local.tokenizer, [1, 2, 3, 4])
    student = Student(replace(local, chat=chat), "full", "float32", 4, 0)
    with pytest.raises(NotExportable, match="any of 4 tokens"):
        exportable(student, config_of("float16"))


def test_what_turns_out_after_training_leaves_no_file_and_no_failure_to_vllm(
    tmp_path, monkeypatch, caplog
):
    def unlike(folder, gguf, precision, ours, taught):
        raise NotExportable("they render a question unlike one another")

    monkeypatch.setattr("training.student.export.compare", unlike)
    export(Student(make_local(), "full", "float32", 4, 0), tmp_path)
    assert export_gguf(tmp_path, config_of("float16", required=False)) == ()
    assert not list(tmp_path.glob("*.gguf"))
    assert "without GGUF, for vLLM alone: they render a question unlike" in caplog.text
    with pytest.raises(NotExportable, match="unlike one another"):
        export_gguf(tmp_path, config_of("float16"))


def test_more_weights_and_more_files_take_longer_to_export():
    full = gguf_seconds(10**9, ["float16"])
    assert gguf_seconds(10**6, ["float16"]) < full < gguf_seconds(4 * 10**9, ["float16"])
    assert gguf_seconds(10**9, ["float16", "q4_k_m"]) > 4 * full
    # The student is read once for all of its files.
    assert gguf_seconds(10**9, ["float16", "float16"]) < 2 * full
    assert gguf_seconds(10**9, []) == 0


def test_time_is_kept_for_a_base_that_goes_with_its_adapter(tmp_path):
    source = str(save_model(tmp_path / "source"))
    student = Student(replace(make_local(), source=source), "lora", "float32", 4, 0)
    config = config_of().model_copy(update={"method": "lora"})
    expected = pytest.approx(20e-9 * student.num_parameters)
    assert base_seconds(student, config) == expected
    named = config.model_copy(update={"student": Weights(hub="org/model")})
    assert base_seconds(student, named) == 0
    cut = config.model_copy(update={"student": Weights(hub="org/model", layers=2)})
    assert base_seconds(student, cut) == expected
    assert base_seconds(student, config.model_copy(update={"method": "full"})) == 0


def test_the_exported_tokenizer_gives_the_tokens_that_were_taught(tmp_path):
    """Llama 2 has a blank before each stretch of text, which Transformers forgets when it saves."""
    published = tmp_path / "published"
    special = ["<unk>", "<|end|>", "<|user|>"]
    vocabulary = {token: index for index, token in enumerate([*special, "▁", "a", "▁a"])}
    pieces = Tokenizer(BPE(vocabulary, [("▁", "a")], unk_token="<unk>", byte_fallback=True))
    pieces.add_special_tokens(special)
    published.mkdir()
    pieces.save(str(published / "tokenizer.json"))
    told = {"tokenizer_class": "LlamaTokenizer", "legacy": True, "bos_token": None}
    told |= {"unk_token": "<unk>", "eos_token": "<|end|>", "chat_template": TEMPLATE}
    (published / "tokenizer_config.json").write_text(json.dumps(told))
    taught = AutoTokenizer.from_pretrained(published)
    export(Student(make_local(taught), "full", "float32", 4, 0), tmp_path / "exported")
    served = AutoTokenizer.from_pretrained(tmp_path / "exported")
    assert taught.tokenize("<|user|>a a") == ["<|user|>", "▁a", "▁a"]
    assert served.tokenize("<|user|>a a") == taught.tokenize("<|user|>a a")


@pytest.mark.parametrize(
    ("save", "named"), [(save_model, True), (save_in_parts, False)], ids=["whole", "in parts"]
)
def test_the_readme_names_the_base_that_the_adapter_names(tmp_path, monkeypatch, save, named):
    for module in (adapter, exporting):
        monkeypatch.setattr(module, "commit_of", lambda weights: "c0ffee")
    folder, base = tmp_path / "artifact", Weights(hub="org/model")
    local = load_model("tiny", str(save(tmp_path / "source")))
    export(Student(local, "lora", "float32", 4, 0), folder, base)
    result = DistillResult(
        seconds=1.0,
        usd=0.0,
        steps=1,
        planned_steps=1,
        stopped_by="finished",
        resumed_from_step=None,
        training_tokens=1,
        tokens_per_second=1.0,
        final_loss=1.0,
        best_validation_loss=None,
        curve=(),
        num_parameters=1,
        num_trainable_parameters=1,
        weights_sha256="0",
        peak_memory_mib=1.0,
    )
    rights = ("logs: ours, says the spec", "big: nobody has said")
    config = config_of().model_copy(update={"method": "lora", "student": base, "rights": rights})
    describe(folder, config, result, base="org/model", records_sha256="0", num_records=1)
    told = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    readme = (folder / "README.md").read_text()
    assert (told["base_model_name_or_path"] == "org/model") == named
    assert all(f"\n- {line}\n" in readme for line in rights)
    assert json.loads((folder / "manifest.json").read_text())["rights"] == list(rights)
    assert ("for org/model at the revision" in readme) == named
    assert ("for the base in `adapter/base`" in readme) == (not named)


WITH_TOOLS = TrainingRecord(
    id="1",
    messages=(Message(role="user", content="Where?"),),
    tools=(Tool(name="look"),),
    completion="There.",
    strategy="alignment",
)
CALLING = Message(role="assistant", content="", tool_calls=(ToolCall(name="look"),))


def test_records_with_calls_in_past_turns_need_a_template_that_writes_them():
    asked = (*WITH_TOOLS.messages, CALLING, Message(role="tool", content="here"))
    record = WITH_TOOLS.model_copy(update={"messages": asked, "tools": None})
    student = Student(make_local(), "full", "float32", 4, 0)
    with pytest.raises(NotExportable, match="the chat template of tiny leaves them out"):
        exportable(student, config_of("float16"), [record])
    tokenizer = make_tokenizer()
    tokenizer.chat_template = TOOL_TEMPLATE
    student = Student(make_local(tokenizer), "full", "float32", 4, 0)
    assert exportable(student, config_of("float16"), [record]) == ("float16",)


def test_records_with_tools_need_a_template_with_a_word_for_them():
    student = Student(make_local(), "full", "float32", 4, 0)
    assert exportable(student, config_of("float16")) == ("float16",)
    with pytest.raises(NotExportable, match="the chat template of tiny has no word for them"):
        exportable(student, config_of("float16"), [WITH_TOOLS])


def test_records_with_tools_need_a_parser_where_only_vllm_serves():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = TOOL_TEMPLATE
    student = Student(make_local(tokenizer), "full", "float32", 4, 0)
    vllm_alone = config_of("float16", required=False)
    assert exportable(student, vllm_alone, [WITH_TOOLS]) == ("float16",)
    tokenizer.chat_template = TOOL_TEMPLATE.replace("tool_call>", "my_call>")
    assert exportable(student, config_of("float16"), [WITH_TOOLS]) == ("float16",)
    with pytest.raises(NotExportable, match="vLLM has no parser for tool calls"):
        exportable(student, vllm_alone, [WITH_TOOLS])


def test_records_with_tools_need_calls_that_llama_cpp_takes_where_it_serves():
    tokenizer = tool_tokenizer(tool_templates.TAGS)
    student = Student(make_local(tokenizer), "full", "float32", 4, 0)
    assert exportable(student, config_of("float16"), [WITH_TOOLS]) == ("float16",)
    tokenizer.chat_template = tool_templates.TAGS.replace("<|im_start|>", "<|start|>")
    assert exportable(student, config_of("float16")) == ("float16",)
    with pytest.raises(NotExportable, match=r"llama\.cpp takes only where a reply begins"):
        exportable(student, config_of("float16"), [WITH_TOOLS])
    assert exportable(student, config_of("float16", required=False), [WITH_TOOLS]) == ()
