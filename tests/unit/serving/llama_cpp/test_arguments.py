"""Arguments of `llama-server`, from an environment and as parameters of the wheel."""

from __future__ import annotations

import pytest
import xllamacpp

from serving.llama_cpp.arguments import UnknownArgument, arguments_of, parameters_of


def test_variables_become_flags_as_in_awss_image():
    environment = {
        "SM_LLAMA_CPP_CTX_SIZE": "512",
        "SM_LLAMA_CPP_JINJA": "True",
        "SM_LLAMA_CPP_METRICS": "false",
        "SM_LLAMA_CPP_MODEL_DIR": "/opt/ml/model",
        "SM_LLAMA_CPP_PORT": "8080",
        "SM_VLLM_MODEL": "x",
    }
    assert arguments_of(environment) == ["--ctx-size", "512", "--jinja"]


def test_flags_become_parameters():
    given = ["--ctx-size", "512", "--threads", "2", "--temp", "0", "--alias", "tiles", "--metrics"]
    parameters = parameters_of(given)
    assert (parameters.n_ctx, parameters.cpuparams.n_threads) == (512, 2)
    assert parameters.sampling.temp == 0
    assert parameters.endpoint_metrics


def test_attention_and_its_cache_may_be_exact():
    given = ["--flash-attn", "off", "--cache-type-k", "f32", "--cache-type-v", "f16"]
    parameters = parameters_of(given)
    kinds = xllamacpp.ggml_type
    assert parameters.cache_type_k == kinds.GGML_TYPE_F32
    assert parameters.cache_type_v == kinds.GGML_TYPE_F16
    off = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    assert parameters.flash_attn_type == off


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["--no-such-flag"], "invalid argument: --no-such-flag"),
        (["--ctx-size"], "needs a value"),
        (["--ctx-size", "many"], "cannot be 'many'"),
        (["--flash-attn", "maybe"], "cannot be 'maybe': one of auto, on, off is needed"),
        (["--cache-type-k", "q1"], "cannot be 'q1': one of f32, f16 is needed"),
    ],
)
def test_what_llama_server_does_not_take_is_refused(given, problem):
    with pytest.raises(UnknownArgument, match=problem):
        parameters_of(given)
