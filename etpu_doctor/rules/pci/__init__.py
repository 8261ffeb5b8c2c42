"""Rules on PCIe links and cards."""
