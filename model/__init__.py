"""Corpora, tokenizer, the language model, its training and everything that predicts with it."""
