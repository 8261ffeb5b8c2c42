"""Gathering and parsing: everything that turns a host, a capture or a paste into Evidence."""
