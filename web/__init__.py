"""What every page that mavfer serves stands on: who may ask, the gate, the server, plain pages."""
