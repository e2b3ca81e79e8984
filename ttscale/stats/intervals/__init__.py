"""How sure a number is: intervals over problems and samples, families of comparisons, folds."""
