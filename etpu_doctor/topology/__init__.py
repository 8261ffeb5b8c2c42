"""The joined USB and PCI tree and what follows from it; pure functions over pure data."""
