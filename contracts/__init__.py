"""What an AI service may do: the contract, and the one meaning of it."""

__all__: list[str] = []
