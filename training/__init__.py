"""What runs inside a SageMaker training job: probe, synthesize, distill, evaluate."""

import os

# torch reads this once, when it is first imported. Threads that spin while they wait make a job
# five times slower where other processes share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
