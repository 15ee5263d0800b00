"""The contract of providers, its values, and the machinery that they share.

Nothing here depends on Home Assistant or a vendor. Start with `provider` (the contract) and `errors`.
"""
