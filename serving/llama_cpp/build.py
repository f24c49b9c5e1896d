"""Which llama.cpp this is: the last part of the wheel's version is llama.cpp's build number."""

from __future__ import annotations

import xllamacpp

BUILD = "b" + xllamacpp.__version__.rpartition(".")[2]
