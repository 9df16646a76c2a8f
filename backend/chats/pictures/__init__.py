"""Pictures that people ask about: brought, kept, shown, and handed on with what was said of them."""
