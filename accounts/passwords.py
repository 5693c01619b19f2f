"""What a long password must not be: one short piece over and over. No other rule of composition (ASVS 6.2.5)."""

from typing import Final

from django.core.exceptions import ValidationError

LONGEST_PIECE: Final = 10


class RepetitionValidator:
    """Refuses 'aaaaaaaaaaaaaaaa', 'abcabcabcabcabc' and '1234567890123456', which no list of common ones holds."""

    def validate(self, password: str, user: object = None) -> None:
        length = len(password)
        for piece in range(1, min(LONGEST_PIECE, length - 1) + 1):
            if all(password[i] == password[i - piece] for i in range(piece, length)):
                raise ValidationError(
                    f"This password repeats a piece of {piece} characters. Take a few words instead.",
                    code="password_repeats",
                )

    def get_help_text(self) -> str:
        return "Your password cannot be one short piece over and over."
