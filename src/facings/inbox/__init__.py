"""Unknown products: crops that the gallery did not know, in clusters, until a person says what they are."""
