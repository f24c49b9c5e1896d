"""The model that learns: its weights, its batches, its loss on hidden states, its export."""
