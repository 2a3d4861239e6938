"""Slipway in other languages: what there is to translate, the catalogues of it, and what browsers and Django read.

`python -m config.localization collect` brings the catalogues in `locale` to what the sources say, `check` tells what is
missing, `compile` writes what the server and the pages load. None of it needs settings, a database or GNU gettext.
"""
