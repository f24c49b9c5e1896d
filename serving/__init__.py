"""What is ours about serving: export to the engines, and llama.cpp as AWS's image runs it."""
