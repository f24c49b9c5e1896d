"""Asking a model that a stack serves, from an application: `Client("refunds").ask("Where?")`."""

from stratos.client.asking import Client, ServedAnswer
from stratos.client.passed_over import PassedOver

__all__ = ["Client", "PassedOver", "ServedAnswer"]
