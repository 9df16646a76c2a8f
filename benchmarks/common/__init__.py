"""What every benchmark needs: how its figures are told, and processes of their own for measurements."""
