"""Numbers as texts that people read, in tables, sentences, figures and on the terminal: one sign, no rounded −0."""

MINUS = "−"  # U+2212, as wide as a plus; files for programs have "-"


def decimal_text(value: float, digits: int) -> str:
    """Format a number with this many decimals.

    Example:
        >>> decimal_text(-0.2301, 3), decimal_text(-1e-9, 2), decimal_text(98944.0, 0)
        ('−0.230', '0.00', '98,944')
    """
    return f"{round(value, digits) + 0:,.{digits}f}".replace("-", MINUS)


def signed_text(value: float, digits: int) -> str:
    """Format a difference with this many decimals and its sign; a rounded zero gets a plus.

    Example:
        >>> signed_text(1.25, 1), signed_text(-0.04, 1)
        ('+1.2', '+0.0')
    """
    return f"{round(value, digits) + 0:+.{digits}f}".replace("-", MINUS)
