"""Classes between the base and the methods: what several methods share. Methods import these, these the base."""
