"""Labelling: responses whose deciding characters are known, for a discriminator to learn from."""
