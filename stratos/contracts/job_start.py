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

HOME_REGION = "STRATOS_HOME_REGION"
"""Variable of a job in another region: where its stack's secrets are, and its models of Bedrock."""

PRIVATE_HOSTS = "STRATOS_PRIVATE_HOSTS"
"""Variable of a job: hosts within private networks that it may ask, separated by commas."""

CODE_SHA256, PACKAGES_SHA256 = "STRATOS_CODE_SHA256", "STRATOS_PACKAGES_SHA256"
"""Variables of a job: of the two archives as they were deployed. Another one is not unpacked. A job
that was asked for before there were hashes has none."""

CONTAINER_ENTRYPOINT = ("/bin/sh", "-c")
CONTAINER_ARGUMENTS = (
    # A first process has no default action for a signal, so the shell must say one. Python unpacks
    # because not every image has tar.
    "trap 'exit 143' TERM;D=/opt/ml;end(){ echo \"$2\">$D/output/failure;exit $1;};"
    'for A in $D/input/data/code/*;do [ -f $A ]||end 1 "$1";'
    'python3 -c "$3" $A $D/code||end $? "$2";done;'
    'cd $D/code;[ -f training/start.py ]||end 1 "$1";exec python3 -m $0',
    LAUNCHER,
    "JobNotStarted: no launcher in channel code; start the run anew",
    "the channel code was not unpacked; the job's log says why",
    "import hashlib,os,sys,tarfile;_,a,d=sys.argv;"
    f's=os.getenv("{CODE_SHA256}");s in(None,hashlib.sha256(open(a,"rb").read()).hexdigest())'
    'or sys.exit("this is not the code that was deployed");tarfile.open(a).extractall(d)',
)
"""The shell's script, the module that it becomes, what it tells where the job did not start, and
how it unpacks.

Only a job that came without its code would fail again. SageMaker takes 100 entries of at most 256
characters, each on one line.
"""
