"""The parts of the stack: nouns that hold resources. `infra.rights` says who may use them."""
