"""CloudFormation: templates deployed, checked, and brought to resources."""
