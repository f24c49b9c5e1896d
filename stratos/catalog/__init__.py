"""What there is to choose from: servers, models, prices. Facts as typed rows, each with a source."""
