"""A job from its config to its result, on every accelerator of every host."""
