"""Plans without an account: from a folder, as a page, over several regions."""
