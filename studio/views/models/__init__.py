"""Models as the page's scripts show them: plain values, all of it in the page's language."""
