SELECT count() $calls
