"""What is uploaded, and what a checkout needs before anything can be built."""
