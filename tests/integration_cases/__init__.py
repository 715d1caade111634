"""What the tests of trainers train, a module for each; apart from the tests, so that new processes can import it."""
