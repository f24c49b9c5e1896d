"""The handlers: one module for each function of the stack, named as the function is."""
