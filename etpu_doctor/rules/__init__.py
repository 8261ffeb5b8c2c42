"""Judgment: one file a rule, one pure function each, listed in ``registry``."""
