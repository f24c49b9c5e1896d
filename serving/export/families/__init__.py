"""Model families as llama.cpp knows them: one record each, of what differs from the plainest."""
