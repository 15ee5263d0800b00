"""The tests. `kernel`, `providers`, `capture`, `recorded` and `contract` run without Home Assistant."""
