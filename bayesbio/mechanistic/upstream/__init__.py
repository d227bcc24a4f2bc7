"""Process models of cultures and reactors."""
