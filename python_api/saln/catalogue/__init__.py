"""Every message of the reports, in each language: one file a language, the same keys and placeholders in all."""

from saln.catalogue.words import LANGUAGES, Message, Words, message

__all__ = ["LANGUAGES", "Message", "Words", "message"]
