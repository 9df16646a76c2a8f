"""What a run has shown: the rule is written in docs/verdict.md."""
