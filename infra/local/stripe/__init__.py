"""A stand-in for Stripe on this machine: speaks the API that we call, signs events, moves no money.

Run by `python -m infra.local.stripe`, driven through the unmodified `stripe` package. See README.md in this folder.
"""
