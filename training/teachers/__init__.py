"""Models that answer questions, wherever they run, behind one interface."""
