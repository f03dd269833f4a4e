"""Jeroboam: the container cloud for organisations whose teams share machines."""

__version__ = "0.1.0"
