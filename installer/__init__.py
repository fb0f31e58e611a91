"""What ``install.py`` does, step by step. Standard library only, so that it runs before anything is installed."""
