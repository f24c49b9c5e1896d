"""Arguments of `llama-server`, from an environment and as parameters of the wheel."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["--no-such-flag"], "invalid argument: --no-such-flag"),
        (["--ctx-size"], "needs a value"),
        (["--ctx-size", "many"], "cannot be 'many'"),
    ],
)
def test_what_llama_server_does_not_take_is_refused(given, problem):
    with pytest.raises(UnknownArgument, match=problem):
        parameters_of(given)
