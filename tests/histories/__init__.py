"""Histories of what clients asked and were told, and whether one store could have answered so.

`operation` is one request with its interval, `key_model` what a key would have answered alone, `linearizable`
the search for an order that explains a history, `recorder` and `clients` how one is made.
"""
