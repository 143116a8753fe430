"""What training costs, counted from the shapes of the layers. No torch here."""
