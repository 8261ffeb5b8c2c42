"""What changes on the buses while one looks: events, fresh evidence, and the findings that a change opens or closes."""
