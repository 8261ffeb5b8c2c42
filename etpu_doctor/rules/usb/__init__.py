"""Rules on USB identity, place and link."""
