"""Training and export. The only package that imports torch; needs `pip install "facings[train]"`."""
