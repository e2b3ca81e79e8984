"""Coverage at budgets not drawn yet, and how well methods foretell it."""
