"""From the user's dataset to canonical records in three splits that share nothing."""
