"""One step as several jobs: who does which part, and how the parts become one result."""
