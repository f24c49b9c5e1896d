"""Who may do what, next to why, and the findings of cdk-nag that stay."""
