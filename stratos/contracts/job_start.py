"""How a training job starts: the command of its container, and the channels that carry its code.

SageMaker's agent downloads the channels. A channel whose S3Uri is a whole key delivers that object
under its own name, whatever that is: the CDK publishes `….tar.gz` under a key that ends in `.gz`.
The command unpacks the code and becomes the launcher, so that SageMaker's signals reach it: under
the images' own entry point they reach nothing of ours. SageMaker's Python SDK (ModelTrainer) starts
its jobs by these fields, too.
"""

from __future__ import annotations

CODE_CHANNEL = "code"
"""`training/`, `serving/` and `stratos/` in one tar archive."""
PACKAGES_CHANNEL = "packages"
"""Python packages beyond the image's, in one tar archive: one folder, named by its interpreter."""
LAUNCHER = "training.start"

CONTAINER_ENTRYPOINT = ("/bin/sh", "-c")
CONTAINER_ARGUMENTS = (
    # A first process has no default action for a signal, so the shell must say one. Python unpacks
    # because not every image has tar. A job that came without its code says so itself.
    "trap 'exit 143' TERM;D=/opt/ml;python3 -m tarfile -e $D/input/data/code/* $D/code"
    "&&cd $D/code&&[ -f training/start.py ]&&exec python3 -m training.start;"
    'echo "JobNotStarted: no launcher in channel code; start the run anew">$D/output/failure;'
    "exit 1",
)
"""SageMaker takes 100 entries of at most 256 characters, each on one line."""
