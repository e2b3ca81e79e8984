"""Ways to spend test-time compute on one attempt, as plugins. `contract` says what one is; a module holds each."""
