"""S3, where moto reads a policy otherwise than AWS."""
