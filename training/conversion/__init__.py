"""The steps of training/convert.py."""
