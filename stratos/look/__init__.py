"""What every page shares: one stylesheet, templates' parts, charts."""
