"""Ways to split text, by the name that llama.cpp has for them."""

import json

import pytest
from tokenizers import Regex, Tokenizer, normalizers
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import ByteLevel, Digits, Metaspace, Sequence, Split

from stratos.catalog.pre_tokenizer import KNOWN, pre_tokenizer_name, pre_tokenizer_named
from stratos.errors import NotExportable

GPT2 = ByteLevel(add_prefix_space=False)
BYTES = ByteLevel(add_prefix_space=False, use_regex=False)
LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

QWEN35 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")


def state(pre_tokenizer, *, ignore_merges=False, model=None, normalizer=None):
    """A tokenizer.json."""
    vocabulary = {"a": 0, "b": 1, "ab": 2}
    model = model or BPE(vocabulary, [("a", "b")], ignore_merges=ignore_merges)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return json.loads(tokenizer.to_str())


def by(pattern):
    return Sequence([Split(Regex(pattern), "isolated"), BYTES])


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (state(GPT2), "gpt-2"),
        (state(Sequence([Digits(individual_digits=True), GPT2])), "smollm"),
        (state(by(LETTERS + r"\p{N}" + REST), normalizer=normalizers.NFC()), "qwen2"),
        (state(by(LETTERS + r"\p{N}{1,3}" + REST), ignore_merges=True), "llama-bpe"),
        (state(by(LETTERS + r"\p{N}{1,3}" + REST)), "smaug-bpe"),
        (state(by(QWEN35)), "qwen35"),
        (state(Sequence([Split(Regex(QWEN35), "removed", invert=True), BYTES])), "qwen35"),
    ],
)
def test_a_known_way_is_recognised(found, name):
    assert pre_tokenizer_name(found) == name


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (state(by(O200K)), "it parts FRANÇAIS after Ç"),
        (state(by(TEKKEN), ignore_merges=True), "it parts FRANÇAIS after Ç"),
        (state(by(r"\p{N}{1,2}")), r"split \p{N}{1,2} then bytes, ignore_merges False"),
        (state(by(LETTERS + r"\p{N}" + REST), ignore_merges=True), "ignore_merges True"),
        (state(Sequence([Digits(individual_digits=False), GPT2])), '"individual_digits": false'),
        (state(ByteLevel(add_prefix_space=True)), '"add_prefix_space": true'),
        (state(Metaspace()), '"type": "Metaspace"'),
        (state(GPT2, model=WordLevel({"a": 0})), "model 'WordLevel'"),
        (state(GPT2, model=BPE({"a": 0}, [])), "no merges, which llama.cpp demands"),
        (state(GPT2, normalizer=normalizers.Lowercase()), "normalizer 'Lowercase'"),
    ],
)
def test_another_way_is_named_and_never_guessed(found, named):
    with pytest.raises(NotExportable) as refused:
        pre_tokenizer_name(found)
    assert named in str(refused.value)


def test_a_tokenizer_that_does_not_split_is_refused():
    found = state(GPT2) | {"pre_tokenizer": None}
    with pytest.raises(NotExportable, match="splits text by nothing"):
        pre_tokenizer_name(found)


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_way_is_built_by_its_name(name):
    splits, ignore_merges = pre_tokenizer_named(name)
    found = state(GPT2, ignore_merges=ignore_merges) | {"pre_tokenizer": splits}
    assert pre_tokenizer_name(found) == name
    assert Tokenizer.from_str(json.dumps(found)).encode("ab").tokens == ["ab"]


def test_a_way_that_llama_cpp_has_only_nearly_has_no_name():
    with pytest.raises(LookupError, match="known ways to split text are those of gpt-2, smollm"):
        pre_tokenizer_named("gpt-4o")
