"""The smoke test: proves that each Edge TPU computes, and measures how fast."""
