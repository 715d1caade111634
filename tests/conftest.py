"""Its being here puts this folder on the path: tolerance, oracle and cases serve the folders below."""
