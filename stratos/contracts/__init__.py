"""What one part writes and another reads: keys, records, jobs, plans, the match."""
