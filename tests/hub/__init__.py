"""The hub, in Home Assistant, over one provider made for it."""
