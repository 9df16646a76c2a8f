"""People judge the rows of one version; those that all let through become the next one."""
