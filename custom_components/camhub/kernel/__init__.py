"""What every provider is made of: the contract, its values and the machinery they share.

Nothing here knows Home Assistant or a vendor. Start with `provider` (the contract) and `errors`.
"""
