"""Messages of an explained batch, in each language."""
