"""Every candidate: models, methods and servers, combined and counted."""
