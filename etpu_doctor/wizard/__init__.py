"""The guided way on the terminal, from plugged in to proven: one session, two faces (lines, and a full screen)."""
