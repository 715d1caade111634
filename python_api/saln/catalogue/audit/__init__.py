"""Messages of an audit, in each language."""
