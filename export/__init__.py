"""Quantise, lower with ExecuTorch, write a verified bundle, run it again."""
