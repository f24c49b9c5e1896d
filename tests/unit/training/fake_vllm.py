"""vLLM's interface as far as it is used, run by our own generation."""

from dataclasses import dataclass

from training.models.generation import Sampling, generate_batch
from training.models.weights import load_model


@dataclass
class SamplingParams:
    """The fields of vLLM's class that are used; any other is refused, as there."""

    max_tokens: int
    temperature: float
    seed: int
    stop_token_ids: list[int]


@dataclass
class CompletionOutput:
    token_ids: list[int]
    finish_reason: str


@dataclass
class RequestOutput:
    outputs: list[CompletionOutput]


class LLM:
    """Generates like vLLM: the end token is among the token ids, and the reason tells why."""

    def __init__(self, model, **settings):
        self.settings = settings
        self.calls = []
        self._local = load_model("tiny", model)

    def generate(self, prompts, sampling_params, *, use_tqdm):
        assert not use_tqdm
        self.calls.append(len(prompts))
        answered = []
        for prompt, wanted in zip(prompts, sampling_params, strict=True):
            assert 0 <= wanted.seed < 2**32, "vLLM's engine ends with an overflow"
            eos = frozenset(wanted.stop_token_ids)
            sampling = Sampling(wanted.max_tokens, eos, wanted.temperature, 0)
            (made,) = generate_batch(
                self._local.model, [prompt["prompt_token_ids"]], sampling, [wanted.seed]
            )
            tokens = made.written
            reason = "stop" if made.finished else "length"
            answered.append(RequestOutput([CompletionOutput(tokens, reason)]))
        return answered
