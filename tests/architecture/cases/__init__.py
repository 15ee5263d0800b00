"""Trees that are wrong in just one way, for the checks to find."""
