"""The reflection model: rewrites prompts from what a request shows, as a language model would."""
