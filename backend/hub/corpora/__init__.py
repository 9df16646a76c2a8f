"""Texts from the Hub: which files hold them, what is known before they are fetched, and the job that fetches them."""
