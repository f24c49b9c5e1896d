"""The card of any model that a spec may name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stratos.catalog.architecture import architecture, positive, text_config
from stratos.catalog.complete import require_complete
from stratos.catalog.exportable import export_obstacle
from stratos.catalog.exportable_families import same_until
from stratos.catalog.files import Files, as_saved, read_json
from stratos.catalog.model_card import ModelCard
from stratos.catalog.models import hub_card, priced_card
from stratos.catalog.safetensors import StoredTensor, stored_tensors
from stratos.catalog.trainable import teaching_obstacle, training_obstacle
from stratos.spec import Bedrock, Logs, OpenAICompatible, Teacher, Weights


def card_of(model: Teacher, files: Files) -> ModelCard:
    """Describe a model: from its folder beside the spec, or from the catalog.

    Raises:
        ValueError, LookupError, FileNotFoundError: if it cannot be described, with the reason.
    """
    match model:
        case Bedrock():
            return priced_card(model, batch=model.batch)
        case OpenAICompatible():
            return ModelCard(
                name=model.name,
                kind="openai",
                input_usd_per_million_tokens=model.input_usd_per_million_tokens,
                output_usd_per_million_tokens=model.output_usd_per_million_tokens,
            )
        case Logs():
            return ModelCard(
                name=model.name,
                kind="logs",
                input_usd_per_million_tokens=0.0,
                output_usd_per_million_tokens=0.0,
            )
        case Weights(path=str(path)):
            return folder_card(model.name, files, path, model.licence, layers=model.layers)
        case Weights():
            return hub_card(model)


def folder_card(
    name: str, files: Files, folder: str, licence: str | None = None, *, layers: int | None = None
) -> ModelCard:
    """Describe a model folder by its config.json and the headers of its weights.

    Args:
        layers: Keep only this many of its layers.

    Raises:
        ValueError, FileNotFoundError: if it cannot be described or lacks weights, with the reason.
    """
    folder = folder.rstrip("/")
    with as_saved(folder):
        config = _config(files, folder)
        _refuse(name, teaching_obstacle(config))
        return _complete_card(name, files, folder, config, licence, layers)


def card_from_config(
    name: str,
    config: Mapping[str, object],
    tensors: Sequence[StoredTensor],
    licence: str | None = None,
    *,
    layers: int | None = None,
) -> ModelCard:
    """Describe a model by its config.json and the tensors that it is stored as.

    Args:
        layers: Keep only this many of its layers.

    Raises:
        ValueError: for a missing size, layers that config.json and files count differently, or
            more layers to keep than there are.
    """
    found = architecture(name, config, tensors)
    if layers is not None:
        found = found.cut(layers)
    text = text_config(config)
    obstacle = export_obstacle(config)
    hidden = found.size("hidden_size")
    heads = found.size("num_attention_heads", None if found.has_attention else 1)
    return ModelCard(
        name=name,
        kind="weights",
        licence=licence,
        num_parameters=found.num_parameters,
        num_active_parameters=found.num_active_parameters,
        num_bytes=found.num_bytes,
        num_layers=found.layers,
        num_attention_layers=len(found.attention_layers),
        num_window_layers=len(found.window_layers),
        window_tokens=found.window_tokens,
        hidden_size=hidden,
        num_heads=heads,
        num_kv_heads=found.size("num_key_value_heads", heads),
        head_dim=found.size("head_dim", max(1, hidden // heads)),
        intermediate_size=positive(text.get("moe_intermediate_size"))
        or positive(text.get("intermediate_size"))
        or 4 * hidden,
        experts_per_token=found.experts_per_token or None,
        vocabulary_size=found.size("vocab_size", found.rows_of_embeddings),
        context_tokens=positive(text.get("max_position_embeddings")),
        llama_cpp_context_tokens=same_until(text) if obstacle is None else None,
        llama_cpp_obstacle=obstacle,
        float32_weights=found.dtype == "F32",
    )


def student_card(model: Weights, files: Files) -> ModelCard:
    """Describe a student that can be trained, and whether llama.cpp has a name for its tokenizer.

    Raises:
        ValueError, LookupError, FileNotFoundError: if it cannot be described, with the reason.
    """
    if model.path is None:
        return hub_card(model)
    folder = model.path.rstrip("/")
    with as_saved(folder):
        config = _config(files, folder)
        _refuse(model.name, training_obstacle(config))
        card = _complete_card(model.name, files, folder, config, model.licence, model.layers)
    if card.llama_cpp_obstacle is not None:
        return card
    try:
        tokenizer = read_json(files, f"{folder}/tokenizer.json")
    except FileNotFoundError:
        return card  # of another format, which the job reads
    if not isinstance(tokenizer, dict):
        raise ValueError(f"{folder}/tokenizer.json is not what tokenizers write; save it again")
    try:
        obstacle = export_obstacle(config, tokenizer)
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{folder}/tokenizer.json is not what tokenizers write ({error!r}); save it again"
        ) from error
    return card.model_copy(update={"llama_cpp_obstacle": obstacle})


def _complete_card(
    name: str,
    files: Files,
    folder: str,
    config: Mapping[str, object],
    licence: str | None,
    layers: int | None,
) -> ModelCard:
    tensors = stored_tensors(files, folder)
    card = card_from_config(name, config, tensors, licence, layers=layers)
    require_complete(folder, config, tensors)
    return card


def _config(files: Files, folder: str) -> dict[str, object]:
    config = read_json(files, f"{folder}/config.json")
    if not isinstance(config, dict):
        raise ValueError(f"{folder}/config.json is not what save_pretrained() writes")
    return config


def _refuse(name: str, obstacle: str | None) -> None:
    if obstacle is not None:
        raise ValueError(f"{name}: {obstacle}")
