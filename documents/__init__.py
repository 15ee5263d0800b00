"""Writes the parts of the documentation that the code knows better: tables of what there is, and a drawing of it."""
