"""What runs inside a SageMaker training job: probe, synthesize, distill, evaluate."""

import os

# Read once, when torch is first imported. Threads that spin while they wait for each other cut the
# speed by 5 where other processes share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
