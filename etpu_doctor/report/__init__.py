"""What is said: the Report and its faces."""
