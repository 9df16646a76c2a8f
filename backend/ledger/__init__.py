"""The rows behind the studio: who owns what, which job is where. Open it with `backend.ledger.store.Ledger`."""
