"""Every candidate: models, methods and servers, composed and counted."""
