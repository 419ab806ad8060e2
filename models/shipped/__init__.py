"""The model that travels with the product, made of a simulated year.

`python -m models.shipped FOLDER` makes it again, bit for bit on the same processor and libraries.
"""
