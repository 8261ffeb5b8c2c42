"""One module a text format; each recognises its own blocks by content (see ``base``)."""
