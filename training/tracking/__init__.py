"""Who follows a training besides Stratos: TensorBoard's files, and an MLflow server."""
