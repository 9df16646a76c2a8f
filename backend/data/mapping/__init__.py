"""From the columns of a record to a stored row: which column is what, and how a row is made of them.

`recognition.recognise(columns, sample)` says what was understood as a `mapping.Mapping`, which a person may correct;
`Mapping.rows(values, place)` makes the rows.
"""
