"""The vocabulary: frozen structs, units in names, no behaviour.

Every field that evidence may lack is ``None`` when it is not known; it is never replaced by 0 or ``""``.
"""
