"""The colours that stand for the same thing on every page, as the tokens of `web/static/tokens.css`."""


def method_colour(name: str) -> str:
    """The token of a method's colour; "full" is full fine-tuning."""
    return f"var(--m-{name.replace('+', 'plus').replace('-', '')})"
