"""Rules on the PCIe driver, gasket and apex, and on what keeps it from working."""
