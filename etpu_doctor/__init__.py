"""etpu-doctor: what is wrong with the Edge TPUs of a machine, where on the bus, and how to fix it."""

__version__ = "0.1.0"
