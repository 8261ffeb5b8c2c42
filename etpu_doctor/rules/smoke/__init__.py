"""Rules about what smoke tests showed."""
