"""What replay found, written for people, programs, spreadsheets and browsers."""

__all__: list[str] = []
