"""Who a location is: ubicaciones.csv and the map that it is."""
