"""Rules on shared bandwidth."""
