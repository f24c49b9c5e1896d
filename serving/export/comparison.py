"""A GGUF asked for its tokens and prompts, and transformers too: they must be the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

from jinja2.exceptions import TemplateError
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from serving.export.logits import (
    LIKELIEST,
    READING_APART,
    NextToken,
    log_probs,
    next_token,
    require_alike,
)
from serving.export.vocabulary import start_of_prompts, starts_by_itself
from serving.llama_cpp.client import LlamaClient
from serving.llama_cpp.process import LlamaServer, ServerFailed
from stratos.contracts.messages import openai_message, openai_tool, template_message
from stratos.contracts.records import TrainingRecord
from stratos.errors import NotExportable
from stratos.spec import CpuPrecision

_ARGUMENTS = ("--ctx-size", "2048", "--parallel", "1", "--jinja", "--no-warmup")
PROBES = {
    "words": "The quick fox can't say they've seen what I'd do; it's HERS, she'll SHOUT: DON'T!",
    "digits": "7 42 365 1999 12345 3.14159 1,000,000 -5% 2026-11-29T07:08:09Z y22z333 ٣٤ ५६ Ⅻ ½ m²",
    "blanks": " a  b   c    d     e \t f\t\tg  \u00a0h \u3000i   ",
    "indents": "".join(f"{' ' * width}x{' ' * width}\n" for width in range(1, 34)),
    "line breaks": "one\ntwo\n\nthree\n\n\nfour\r\nfive\r\n\r\nsix \n seven\n  \n\t\n eight\n",
    "signs": "f(x) = a[i] += {\"k\": 'v'} && !b || c; #no <tag/> https://a.b/c?d=e&f=%20 …—“”«»€",
    "code": "def f(n):\n    if n<2:\n\t\treturn n\n    return f(n-1)+f(n-2)  # fibonacci\n",
    "latin": "Größe façade naïve coöperate Ærøskøbing Łódź İstanbul Việt Nam ĲSSELMEER ﬁn ªº",
    "capitals": "iPhone FRANÇAIS École GRÖSSE eÉ éE ПриветМир МОСКВА ΑθήναΕλλάς ÇAva XMLParser ǅa",
    "scripts": "Привет, мир! Γειά σου κόσμε שלום עולם مرحبا بالعالم नमस्ते दुनिया สวัสดีชาวโลก",
    "east asia": "你好，世界！今天是2026年。こんにちは世界、カタカナ。안녕하세요 세계 𠮷野家",
    "emoji": "😀👍🏽 👩‍👩‍👧‍👦 🇩🇪 ❤️ ☃ a😀b",
    "markers": "user\nassistant\n <|im_start|> </s> [INST] <think>\n\n</think>\n\n#### 42",
}
"""What tokenizers are known to split unlike one another. In composed form (NFC), since llama.cpp
composes nothing."""

_CONVERSATIONS = {
    "a question": [{"role": "user", "content": " What is 12 + 30?\n"}],
    "a system message": [
        {"role": "system", "content": "Answer  briefly. "},
        {"role": "user", "content": "Grüße 你好"},
    ],
    "several turns": [
        {"role": "user", "content": "What is 2 + 2?"},
        {"role": "assistant", "content": "It is\n#### 4"},
        {"role": "user", "content": "And 1 more?"},
    ],
}


def next_token_of(folder: Path) -> NextToken:
    """What a model folder would answer to a question; it costs a reading and one pass."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    told = {"tokenize": False, "add_generation_prompt": True}
    try:
        text = str(tokenizer.apply_chat_template(_CONVERSATIONS["a question"], **told))
    except TemplateError as error:
        raise _refused("a question", error) from error
    return next_token(folder, tokenizer(text, add_special_tokens=False)["input_ids"])


def compare(
    folder: Path,
    gguf: Path,
    precision: CpuPrecision,
    ours: NextToken,
    taught: Sequence[TrainingRecord] = (),
) -> str:
    """Compare tokens, prompts and the next token's probabilities of a model folder and its GGUF.

    Args:
        ours: What the folder answers, the same for each of its files.
        taught: Records whose prompts are compared, too: those with tools, which each side writes
            by itself.

    Returns:
        What was compared, in words.

    Raises:
        NotExportable: they differ, or llama.cpp cannot load the file.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with _served(gguf) as client:
        start = start_of_prompts(tokenizer)
        for name, text in probes_of(tokenizer).items():
            # Some tokenizers treat the very first text unlike any within a prompt.
            _compare_tokens(client, tokenizer, name, start + text)
        for name, messages in _CONVERSATIONS.items():
            _compare_prompts(client, tokenizer, name, messages)
        for record in taught:
            _compare_record(client, tokenizer, record)
        if ours.log_probs is None:
            return "tokens and prompts as in transformers; logits not compared for want of memory"
        theirs = _likeliest(client, ours.prompt)
        require_alike(ours.log_probs, theirs, ours.most_apart(precision))
    return "tokens, prompts and logits as in transformers"


def compare_reading(folder: Path, gguf: Path, model: PreTrainedModel) -> None:
    """Compare a model that was read from a GGUF with llama.cpp: tokens, and what it would say.

    Args:
        folder: With its tokenizer.

    Raises:
        NotExportable: they differ, or llama.cpp cannot load the file.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with _served(gguf) as client:
        for name, text in probes_of(tokenizer).items():
            _compare_tokens(client, tokenizer, name, text)
        for name in ("words", "code"):
            prompt: list[int] = tokenizer(PROBES[name])["input_ids"]
            require_alike(log_probs(model, prompt), _likeliest(client, prompt), READING_APART)


@contextmanager
def _served(gguf: Path) -> Iterator[LlamaClient]:
    try:
        with LlamaServer(gguf, _ARGUMENTS) as server, LlamaClient(server) as client:
            yield client
    except ServerFailed as error:
        raise NotExportable(f"llama.cpp cannot serve {gguf.name}: {error}") from error


def probes_of(tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """The texts, and one with every token that a tokenizer has added to its vocabulary."""
    added = [token.content for token in tokenizer.added_tokens_decoder.values()]
    return PROBES | {"added tokens": "a".join(f"{text} {text}\n{text}" for text in added)}


def _compare_tokens(
    client: LlamaClient, tokenizer: PreTrainedTokenizerBase, name: str, text: str
) -> None:
    ours: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    asked = {"content": text, "add_special": False, "parse_special": True}
    theirs: list[int] = _ask(client, "/tokenize", asked)["tokens"]
    if ours == theirs:
        return
    same = _common(ours, theirs)
    before = tokenizer.decode(ours[:same])
    raise NotExportable(
        f"llama.cpp and transformers split {name} unlike one another, after {before[-40:]!r}: "
        f"{_token(tokenizer, theirs[same:])} in llama.cpp, {_token(tokenizer, ours[same:])} in "
        "transformers; the student would be served other tokens than it was taught"
    )


def _token(tokenizer: PreTrainedTokenizerBase, left: Sequence[int]) -> str:
    return f"{left[0]} {tokenizer.convert_ids_to_tokens(left[0])!r}" if left else "the end"


def _compare_prompts(
    client: LlamaClient,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    messages: Sequence[dict[str, str]],
) -> None:
    told = {"conversation": list(messages), "tokenize": False, "add_generation_prompt": True}
    try:
        ours = str(tokenizer.apply_chat_template(**told, enable_thinking=False))
    except TemplateError as error:
        if len(messages) == 1:
            raise _refused(name, error) from error
        # Not every template takes a system message or several turns.
        return
    if ours != tokenizer.apply_chat_template(**told):
        raise NotExportable(
            f"the chat template renders {name} with thinking unless told not to, and a request "
            "need not tell; the student was taught without"
        )
    _require_same(client, tokenizer, name, ours, {"messages": messages})
    taught = len(tokenizer(ours, add_special_tokens=False)["input_ids"])
    asked = {"messages": messages, "max_tokens": 1}
    served = _ask(client, "/v1/chat/completions", asked)["usage"]["prompt_tokens"]
    if served != taught:
        raise NotExportable(
            f"llama.cpp reads {name} as {served} tokens, transformers as {taught}, though the "
            "text is the same"
        )


def _compare_record(
    client: LlamaClient, tokenizer: PreTrainedTokenizerBase, record: TrainingRecord
) -> None:
    tools = [openai_tool(tool) for tool in record.tools or ()]
    ours = tokenizer.apply_chat_template(
        [template_message(message) for message in record.messages],
        tools=tools,
        tokenize=False,
        add_generation_prompt=True,
    )
    asked = {"messages": [openai_message(message) for message in record.messages], "tools": tools}
    _require_same(client, tokenizer, f"record {record.id}", str(ours), asked)


def _require_same(
    client: LlamaClient,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    ours: str,
    asked: dict[str, Any],
) -> None:
    theirs = str(_ask(client, "/apply-template", asked)["prompt"])
    if starts_by_itself(tokenizer):
        # llama.cpp takes the start token off and puts it before the tokens.
        theirs = f"{tokenizer.bos_token}{theirs}"
    if theirs != ours:
        same = _common(ours, theirs)
        raise NotExportable(
            f"llama.cpp and transformers render {name} unlike one another, after "
            f"{ours[:same][-40:]!r}: {theirs[same : same + 40]!r} in llama.cpp, "
            f"{ours[same : same + 40]!r} in transformers"
        )


def _refused(name: str, error: TemplateError) -> NotExportable:
    return NotExportable(f"the chat template refuses {name}: {error}")


def _likeliest(client: LlamaClient, prompt: Sequence[int]) -> dict[int, float]:
    """llama.cpp's likeliest next tokens, with the logarithms of their probabilities."""
    asked = {"prompt": list(prompt), "n_predict": 1, "temperature": 0, "n_probs": LIKELIEST}
    (written,) = _ask(client, "/completion", asked)["completion_probabilities"]
    return {token["id"]: float(token["logprob"]) for token in written["top_logprobs"]}


def _common(ours: Sequence[object], theirs: Sequence[object]) -> int:
    """Items at the beginning in which two sequences are the same."""
    pairs = zip(ours, theirs, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _ask(client: LlamaClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, body)
    if answer.status != 200:
        raise NotExportable(f"llama.cpp refuses {path}: {answer.shown}")
    read: dict[str, Any] = answer.body
    return read
