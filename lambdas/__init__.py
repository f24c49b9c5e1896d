"""One module per Lambda state of the execution; boto3 through the adapters beside them."""
