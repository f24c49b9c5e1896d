"""The command line. It speaks boto3 only, so AWS and any AWS-compatible endpoint look the same."""
