"""One module per outside trainer or service."""
