"""The hosting modes: one module each, behind one interface, in one table."""
