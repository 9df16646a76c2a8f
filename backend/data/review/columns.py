"""The columns that say of a row by whom it was let through; they stay with it through every later step."""

ROW, VERDICT, BY, AT, SETTLED = "review_row", "review_verdict", "review_by", "review_at", "review_settled"
COLUMNS = (ROW, VERDICT, BY, AT, SETTLED)
