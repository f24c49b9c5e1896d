"""SageMaker's training container: its folders, its clock, its processes, the bucket."""
