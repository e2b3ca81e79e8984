"""How a person reads a result: numbers, tables and notebook views, from plain values, the same everywhere.

Only what lies below uses numbers as they are: JSON, CSV and frames keep every digit.
"""
