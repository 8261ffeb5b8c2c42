"""Rules about access: rights, containers, virtual machines, and who holds an Edge TPU."""
