"""What runs behind an endpoint: SageMaker's container contract and the OpenAI chat schema."""

import os

# Before torch is loaded: threads that spin while they wait slow a shared machine several times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
