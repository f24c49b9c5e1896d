"""What there is to choose from: servers, models, prices. Typed rows, each with a source."""
