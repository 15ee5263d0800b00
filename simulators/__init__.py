"""The services of the vendors as local servers that speak their protocols."""
