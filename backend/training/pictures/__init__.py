"""Conversations about pictures as documents: which tokens are read for a picture, and which are learned."""
