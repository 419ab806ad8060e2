"""The proof: counts, flags and transitions recomputed from the raw log, compared with Postgres.

Written from the definition alone. Nothing here uses the product's windows, fold or batch decoder,
so that one mistake cannot be made twice; only `core.py` runs the product's fold, to be compared.
"""
