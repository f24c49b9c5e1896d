"""The page for whoever reviews the stack, from the template."""
