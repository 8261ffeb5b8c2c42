"""Which model on which Edge TPU, and what that costs: forecasts and the search for the best assignment."""
