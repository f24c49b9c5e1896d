"""What a model can hold, by what serves it."""

from stratos.catalog.model_card import ModelCard


def test_a_context_is_shorter_where_llama_cpp_computes_less_of_it_alike() -> None:
    card = ModelCard(name="m", kind="weights", context_tokens=32_768)
    assert card.context_on("cpu") == card.context_on("cuda") == 32_768
    capped = card.model_copy(update={"llama_cpp_context_tokens": 4_096})
    assert (capped.context_on("cpu"), capped.context_on("cuda")) == (4_096, 32_768)
    assert ModelCard(name="m", kind="weights").context_on("cpu") is None
