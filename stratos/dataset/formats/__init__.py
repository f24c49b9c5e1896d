"""How a row of each dataset format becomes a conversation and its answer."""
